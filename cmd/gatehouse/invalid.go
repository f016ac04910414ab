package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"text/template"

	"gatehouse/internal/user"
	"gatehouse/web"
)

// sentences says what is wrong with input in the words of the English pages,
// one sentence per field.
func sentences(bad user.Invalid) []string {
	var texts map[string]any // a text that depends on a number is a map of its own
	file, err := web.Files.ReadFile("locales/en.json")
	if err == nil {
		err = json.Unmarshal(file, &texts)
	}
	if err != nil {
		return []string{bad.Error()} // a file of ours that the build has broken
	}
	var all []string
	for _, field := range slices.Sorted(maps.Keys(bad)) {
		text, _ := texts[bad[field]].(string)
		all = append(all, sentence(text, field+": "+bad[field]))
	}
	return all
}

// sentence fills in the numbers that text mentions; or is said if that fails.
func sentence(text, or string) string {
	form, err := template.New("").Parse(text)
	var b strings.Builder
	if err == nil {
		err = form.Execute(&b, map[string]int{"Min": user.Policy{}.MinPassword(), "Max": user.MaxPassword})
	}
	if err != nil || b.Len() == 0 {
		return or
	}
	return b.String()
}
