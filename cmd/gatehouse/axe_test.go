package main

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv/browser"
)

// axe is axe-core, which finds what keeps people with disabilities out.
//
//go:embed testdata/axe.min.js
var axe string

// axeRules are rules of axe and how many of them must have had something to look
// at: a check that looks at nothing finds nothing.
type axeRules struct {
	options string
	atLeast int
}

var (
	// All are those for WCAG 2.2 AA and the best practices.
	allRules = axeRules{`{resultTypes: ["violations"]}`, 20}
	// What else could be wrong is the same in every colour.
	colourRules = axeRules{`{resultTypes: ["violations"], runOnly: ["cat.color"]}`, 1}
)

// accessible fails the test for everything that axe finds wrong on the page that
// by shows, light or dark, and on a narrow screen where lists become cards.
func (v *tour) accessible(s stop) {
	v.Helper()
	eval[chromedp.Void](s.by, axe+"; undefined")
	for _, problem := range axeFinds(s.by, allRules) {
		v.Errorf("%s: %s", s.name, problem)
	}
	s.by.scheme("dark")
	for _, problem := range axeFinds(s.by, colourRules) {
		v.Errorf("%s, dark: %s", s.name, problem)
	}
	s.by.scheme("light")
	if s.by.count("table, .rows") == 0 {
		return
	}
	s.by.size(narrowest, 800)
	for _, problem := range axeFinds(s.by, allRules) {
		v.Errorf("%s, %d px: %s", s.name, narrowest, problem)
	}
	s.by.size(1280, 800)
}

// axe finds what is wrong if something is.
func TestAxe(t *testing.T) {
	t.Parallel()
	b := openTab(t, browser.New(t), startNode(t, embedded(t)), look{})
	b.open("/login")
	eval[chromedp.Void](b, axe+"; document.documentElement.lang = ''; document.querySelector('label').style.color = '#ddd'; undefined")
	for rule, rules := range map[string]axeRules{"html-has-lang: ": allRules, "color-contrast: ": colourRules} {
		if found := strings.Join(axeFinds(b, rules), "\n"); !strings.Contains(found, rule) {
			t.Errorf("axe does not find %q: %s", rule, found)
		}
	}
}

// axeFinds returns what is wrong, in words, on the page that b shows.
func axeFinds(b *tab, rules axeRules) []string {
	b.t.Helper()
	result := eval[struct {
		Looked int
		Wrong  []string
	}](b, `axe.run(document, `+rules.options+`).then(found => ({
		Looked: found.passes.length + found.violations.length,
		Wrong: found.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.target + ": " + n.failureSummary + "\n" + n.html)),
	}))`)
	if result.Looked < rules.atLeast {
		b.t.Errorf("%s: only %d of axe's rules had something to look at", b.at(), result.Looked)
	}
	return result.Wrong
}
