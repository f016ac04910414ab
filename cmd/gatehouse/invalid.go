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

// policyError is an error about input that was judged by a policy: what is said
// of it mentions the policy's numbers.
type policyError struct {
	error
	policy user.Policy
}

func (e policyError) Unwrap() error { return e.error }

// judgedBy returns err as one of policy's; nil if it is nil.
func judgedBy(policy user.Policy, err error) error {
	if err == nil {
		return nil
	}
	return policyError{err, policy}
}

// sentences says what is wrong with input in the words of the English pages,
// one sentence per field.
func sentences(bad user.Invalid, policy user.Policy) []string {
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
		all = append(all, sentence(text, policy, field+": "+bad[field]))
	}
	return all
}

// sentence fills in the numbers that text mentions; or is said if that fails.
func sentence(text string, policy user.Policy, or string) string {
	form, err := template.New("").Parse(text)
	var b strings.Builder
	if err == nil {
		err = form.Execute(&b, map[string]int{"Min": policy.MinPassword(), "Max": user.MaxPassword})
	}
	if err != nil || b.Len() == 0 {
		return or
	}
	return b.String()
}
