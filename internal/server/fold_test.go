package server

import (
	"bytes"
	"html/template"
	"testing"
)

// unfolded parses the page called name without fold.
func unfolded(t *testing.T, v *views, assets *static, lang, name string) *template.Template {
	t.Helper()
	icons, err := newIcons(webDir(t, "templates"))
	must(t, err)
	common, err := template.New("").Funcs(funcs(v.translators.of(lang), assets, icons)).ParseFS(webDir(t, "templates"), "layout.html", "partials/*.html")
	must(t, err)
	tmpl, err := parsePage(common, webDir(t, "templates"), name)
	must(t, err)
	return tmpl
}

// TestFoldChangesNothing: what a page says must not depend on when it is put in
// place, wherever a template has it. That holds for what is executed here: every
// page in every state that there is a sample of.
func TestFoldChangesNothing(t *testing.T) {
	v, assets := testViews(t)
	for lang, text := range v.translators {
		for _, s := range everySample(text) {
			var got, want bytes.Buffer
			must(t, v.templates[lang][s.name].ExecuteTemplate(&got, "layout.html", s.page))
			must(t, unfolded(t, v, assets, lang, s.name).ExecuteTemplate(&want, "layout.html", s.page))
			if got.String() != want.String() {
				t.Errorf("%s %s differs", lang, s.id)
			}
		}
	}
}

func TestFoldLeavesNoConstant(t *testing.T) {
	v, assets := testViews(t)
	for name := range pages {
		for _, one := range v.templates["ko"][name].Templates() {
			if one.Tree == nil {
				continue
			}
			for _, p := range constants(one.Tree.Root) {
				t.Errorf("%s, template %s: %s", name, one.Name(), p.node())
			}
		}
		before := 0
		for _, one := range unfolded(t, v, assets, "ko", name).Templates() {
			if one.Tree != nil {
				before += len(constants(one.Tree.Root))
			}
		}
		if before < 20 {
			t.Errorf("%s: %d constants found; the search is wrong", name, before)
		}
	}
}

func TestFold(t *testing.T) {
	calls := 0
	count := func(s string) string { calls++; return s }
	for source, want := range map[string]struct {
		text  string
		calls int // each time
	}{
		`{{count "a<b"}}`:          {"a&lt;b", 0},
		`{{count "a" | count}}`:    {"a", 0},
		`{{count .}}{{count "x"}}`: {"datax", 1},
		`{{if eq (count "a") "a"}}{{count "1"}}{{else}}2{{end}}`:   {"1", 0},
		`{{if .}}{{count "1"}}{{else}}{{count "2"}}{{end}}`:        {"1", 0},
		`{{with .}}{{.}}{{count "b"}}{{else}}{{count "c"}}{{end}}`: {"datab", 0},
		`{{$x := count "a"}}{{$x}}`:                                {"a", 1},
		`<p title="{{count "\"q\""}}">`:                            {`<p title="&#34;q&#34;">`, 0},
		`{{template "call" "y"}}`:                                  {"(y)", 0},
		`{{template "call" .}}`:                                    {"(data)", 1},
		``:                                                         {"", 0},
	} {
		tmpl := template.Must(template.New("page").Funcs(template.FuncMap{"count": count}).Parse(`{{define "call"}}({{count .}}){{end}}` + source))
		must(t, fold(tmpl, tmpl))
		calls = 0
		var got bytes.Buffer
		must(t, tmpl.Execute(&got, "data"))
		if got.String() != want.text || calls != want.calls {
			t.Errorf("%s: %q with %d calls, want %q with %d", source, got.String(), calls, want.text, want.calls)
		}
	}
}
