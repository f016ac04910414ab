package server

import (
	"bytes"
	"html/template"
	"strings"
	"testing"
	"text/template/parse"
)

// TestFoldChangesNothing has the pages; here is what none of them has yet.
func TestInline(t *testing.T) {
	for source, want := range map[string]struct {
		text  string
		calls int // left
	}{
		`{{template "data" .}}`:                                {"(a&lt;b)", 0},
		`<p title="{{template "data" .}}">`:                    {`<p title="(a&lt;b)">`, 0},
		`{{template "text"}}{{template "text" .A}}`:            {"texttext", 0},
		`{{template "twice" .}}{{template "twice" .}}`:         {"(a&lt;b)(a&lt;b)(a&lt;b)(a&lt;b)", 0},
		`{{with .B}}{{template "data" .}}{{end}}`:              {"(within)", 0},
		`{{range .C}}{{template "data" .}}{{else}}no{{end}}`:   {"(1)(2)", 0},
		`{{if .B}}{{template "data" .}}{{end}}`:                {"(a&lt;b)", 0},
		`{{block "own" .}}{{.A}}{{end}}`:                       {"a&lt;b", 0},
		`{{template "data" .B}}`:                               {"(within)", 1}, // other data
		`{{template "dollar" .B}}{{template "dollar" .}}`:      {"[within][a&lt;b]", 2},
		`{{with .B}}{{template "dollar" .}}{{end}}`:            {"[within]", 1},
		`{{$x := "1"}}{{template "variable" .}}{{$x}}`:         {"2a&lt;b1", 1},
		`{{template "deep" .D}}`:                               {"xx", 1},
		`{{with .D}}{{template "deep" .}}{{end}}`:              {"xx", 1}, // itself, with other data
		`{{define "data"}}changed{{end}}{{template "data" .}}`: {"changed", 0},
	} {
		tmpl := template.Must(template.New("page").Parse(
			`{{define "data"}}({{.A}}){{end}}{{define "text"}}text{{end}}{{define "twice"}}{{template "data" .}}{{template "data" .}}{{end}}` +
				`{{define "dollar"}}[{{$.A}}]{{end}}{{define "variable"}}{{$x := "2"}}{{$x}}{{.A}}{{end}}` +
				`{{define "deep"}}x{{with .B}}{{template "deep" .}}{{end}}{{end}}`))
		template.Must(tmpl.Parse(source))
		type data struct {
			A    string
			B, D any
			C    []data
		}
		inline(tmpl)
		if calls := countCalls(tmpl.Tree.Root); calls != want.calls {
			t.Errorf("%s: %d calls left, want %d", source, calls, want.calls)
		}
		var got bytes.Buffer
		must(t, tmpl.Execute(&got, data{A: "a<b", B: data{A: "within"}, C: []data{{A: "1"}, {A: "2"}}, D: data{B: data{}}}))
		if got.String() != want.text {
			t.Errorf("%s: %q, want %q", source, got.String(), want.text)
		}
	}
}

func countCalls(list *parse.ListNode) int {
	return strings.Count(list.String(), "{{template ")
}

func TestTemplatesThatCallThemselves(t *testing.T) {
	tmpl := template.Must(template.New("page").Parse(`{{define "one"}}1{{if .}}{{template "two" .}}{{end}}{{end}}{{define "two"}}2{{if .}}{{template "one" .}}{{end}}{{end}}{{template "one" .}}`))
	inline(tmpl)
	var got bytes.Buffer
	must(t, tmpl.Execute(&got, false))
	if got.String() != "1" {
		t.Errorf("%q", got.String())
	}
}
