package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/feature/plural"
)

// message is one text of one language by plural form, at least plural.Other.
// It is taken apart once: go-i18n, which reads the files, would look for the
// language and run a template for every text of every page.
type message map[plural.Form]phrase

// phrase is a text with placeholders: texts[0] names[0] texts[1] … The texts
// are one more than the names.
type phrase struct{ texts, names []string }

// readMessages reads the message file called name, by key.
func readMessages(locales fs.FS, name string) (map[string]message, error) {
	data, err := fs.ReadFile(locales, name)
	if err != nil {
		return nil, err
	}
	list, err := i18n.ParseMessageBytes(data, json.Unmarshal)
	if err != nil {
		return nil, err
	}
	all := make(map[string]message, len(list))
	for _, one := range list {
		m := message{}
		for form, text := range map[plural.Form]string{
			plural.Zero: one.Zero, plural.One: one.One, plural.Two: one.Two,
			plural.Few: one.Few, plural.Many: one.Many, plural.Other: one.Other,
		} {
			if text == "" && form != plural.Other {
				continue
			}
			if m[form], err = parsePhrase(text); err != nil {
				return nil, fmt.Errorf("%s: %w", one.ID, err)
			}
		}
		all[one.ID] = m
	}
	return all, nil
}

var (
	placeholder = regexp.MustCompile(`{{\.(\w+)}}`)
	errBraces   = errors.New("braces that are no placeholder such as {{.Name}}")
)

func parsePhrase(text string) (phrase, error) {
	p := phrase{texts: placeholder.Split(text, -1)}
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		p.names = append(p.names, found[1])
	}
	for _, t := range p.texts {
		if strings.Contains(t, "{{") || strings.Contains(t, "}}") {
			return phrase{}, errBraces
		}
	}
	return p, nil
}

// fill returns the text with what args, pairs of name and value, say for each
// placeholder, written by write; false if one is missing.
func (p phrase) fill(args []any, write func(any) string) (string, bool) {
	if len(p.names) == 0 {
		return p.texts[0], true
	}
	var b strings.Builder
	b.WriteString(p.texts[0])
	for i, name := range p.names {
		value, ok := argument(args, name)
		if !ok {
			return "", false
		}
		b.WriteString(write(value))
		b.WriteString(p.texts[i+1])
	}
	return b.String(), true
}

// argument returns the value that stands behind name in args.
func argument(args []any, name string) (any, bool) {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1], true
		}
	}
	return nil, false
}

// plainText writes a value as it is.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	}
	return fmt.Sprint(v)
}

// escapedText writes a value into markup.
func escapedText(v any) string {
	if safe, ok := v.(template.HTML); ok {
		return string(safe)
	}
	return template.HTMLEscapeString(plainText(v))
}
