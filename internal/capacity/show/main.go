package main

import (
	"flag"
	"fmt"
	"os"

	"gatehouse/internal/capacity"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the command with its arguments, in the root of the repository.
func run(args []string) error {
	flags := flag.NewFlagSet("capacity", flag.ContinueOnError)
	rates, plan := capacity.Default()
	capacity.Flags(flags, &rates, &plan)
	in := flags.String("lang", string(capacity.English), "`language`: en or ko")
	write := flags.Bool("write", false, "put the section into README.md and README.ko.md instead of printing it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := capacity.Valid(rates, plan); err != nil {
		return err
	}
	figures, err := capacity.Stored()
	if err != nil {
		return err
	}
	m := capacity.Model{Figures: figures, Rates: rates, Plan: plan}
	if !*write {
		lang := capacity.Language(*in)
		if lang != capacity.English && lang != capacity.Korean {
			return fmt.Errorf("-lang=%s: there is en and ko", lang)
		}
		fmt.Print(m.Section(lang))
		return nil
	}
	for lang, name := range map[capacity.Language]string{capacity.English: "README.md", capacity.Korean: "README.ko.md"} {
		old, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text, err := capacity.Replace(string(old), m.Section(lang))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
