package server

import (
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// page is the struct of a page: it embeds Base.
type page interface{ base() Base }

func (b Base) base() Base { return b }

// pages maps each template to the struct that it shows.
var pages = map[string]page{
	"login":          LoginPage{},
	"limit":          LimitPage{},
	"signup":         SignUpPage{},
	"setup":          SignUpPage{},
	"mypage":         MyPage{},
	"password":       PasswordPage{},
	"admin_sessions": AdminSessionsPage{},
	"admin_users":    AdminUsersPage{},
	"admin_audit":    AdminAuditPage{},
	"confirm":        ConfirmPage{},
	"error":          ErrorPage{},
}

// views renders pages.
type views struct {
	translators translators
	templates   map[string]map[string]*template.Template // by language and page
}

// newViews parses every template once per language and tries it on an empty
// page, so that a bad one stops the program at start and not a visitor.
func newViews(templates fs.FS, texts translators, assets *static) (*views, error) {
	if err := unusedTemplates(templates); err != nil {
		return nil, err
	}
	icons, err := newIcons(templates)
	if err != nil {
		return nil, fmt.Errorf("server: icons: %w", err)
	}
	v := &views{translators: texts, templates: map[string]map[string]*template.Template{}}
	for lang, t := range texts {
		if v.templates[lang], err = parsePages(templates, funcs(t, assets, icons)); err != nil {
			return nil, fmt.Errorf("server: templates in %q: %w", lang, err)
		}
	}
	return v, nil
}

func parsePages(templates fs.FS, funcs template.FuncMap) (map[string]*template.Template, error) {
	common, err := template.New("").Funcs(funcs).ParseFS(templates, "layout.html", "partials/*.html")
	if err != nil {
		return nil, err
	}
	if err := fold(common, common); err != nil {
		return nil, err
	}
	all := map[string]*template.Template{}
	for name := range pages {
		if all[name], err = parsePage(common, templates, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		inline(all[name])
	}
	if err := fold(common, slices.Collect(maps.Values(all))...); err != nil {
		return nil, err
	}
	for name, empty := range pages {
		if err := all[name].ExecuteTemplate(io.Discard, "layout.html", empty); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

func parsePage(common *template.Template, templates fs.FS, name string) (*template.Template, error) {
	tmpl, err := common.Clone()
	if err != nil {
		return nil, err
	}
	return tmpl.ParseFS(templates, name+".html")
}

// unusedTemplates reports a page that no struct belongs to.
func unusedTemplates(templates fs.FS) error {
	files, err := fs.Glob(templates, "*.html")
	if err != nil {
		return err
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if _, ok := pages[name]; !ok && name != "layout" {
			return fmt.Errorf("server: template %s belongs to no page", f)
		}
	}
	return nil
}

// render answers with the page called name (a key of pages), in the language
// of p. The page is complete before the first byte is sent: after an error
// from the template nothing has been written, and the caller can still answer
// something else. An error from w comes after the status.
func (v *views) render(w http.ResponseWriter, status int, name string, p page) error {
	if want := pages[name]; want == nil || reflect.TypeOf(want) != reflect.TypeOf(p) {
		return fmt.Errorf("server: template %q does not show a %T", name, p)
	}
	lang := v.translators.of(p.base().Lang).lang
	body := newBuffer()
	defer keepBuffer(body)
	if err := v.templates[lang][name].ExecuteTemplate(body, "layout.html", p); err != nil {
		return fmt.Errorf("server: render %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, err := body.WriteTo(w)
	return err
}
