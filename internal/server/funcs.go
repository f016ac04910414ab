package server

import (
	"errors"
	"html/template"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/user"
)

// funcs returns what templates in t's language may call. Each returns the same
// for the same arguments: see fold.
func funcs(t *translator, assets *static, icons icons) template.FuncMap {
	return template.FuncMap{
		"t":        t.T,
		"lang":     func() string { return t.lang },
		"at":       t.at,
		"date":     t.date,
		"duration": t.duration,
		"asset":    assets.url,
		"icon":     icons.svg,
		"instant":  instant,
		"field":    newField,
		"problems": problems,
		"args":     args,
		"ip":       ipElement,
		"soft":     breakable,
		"handle":   breakableName,
		"status":   accountStatus,
	}
}

// field is what the partials "described" and "field-error" need to know of one
// input.
type field struct {
	ID    string // of the input, equal to its name
	Value string
	Error string
	Hints string // ids of texts that explain the input, separated by spaces
}

func newField(f Form, id string, hints ...string) field {
	return field{ID: id, Value: f.Values[id], Error: f.Errors[id], Hints: strings.Join(hints, " ")}
}

// DescribedBy returns the ids of everything said about the input, the error
// first.
func (f field) DescribedBy() string {
	if f.Error == "" {
		return f.Hints
	}
	return strings.TrimSpace(f.ID + "-error " + f.Hints)
}

// problem is one line of the summary above a form.
type problem struct{ Field, Text string }

// problems returns the errors of f's fields in the order of the page.
func problems(f Form, order ...string) []problem {
	var list []problem
	for name, text := range f.Errors {
		if name != "" && text != "" {
			list = append(list, problem{name, text})
		}
	}
	slices.SortFunc(list, func(a, b problem) int {
		if d := slices.Index(order, a.Field) - slices.Index(order, b.Field); d != 0 {
			return d
		}
		return strings.Compare(a.Field, b.Field)
	})
	return list
}

var errArgs = errors.New("args wants pairs of name and value")

// args makes the data of a partial that needs more than one value.
func args(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, errArgs
		}
		m[name] = pairs[i+1]
	}
	if len(pairs)%2 != 0 {
		return nil, errArgs
	}
	return m, nil
}

// ip returns the address, or "" if there is none (command line).
func ip(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// ipElement marks up an address so that it breaks between its groups, where there
// is not enough room for it, and nowhere else; "" if there is none.
func ipElement(a netip.Addr) template.HTML {
	text := ip(a)
	if text == "" {
		return ""
	}
	return `<span class="ip">` + breakable(text) + `</span>`
}

// breakable lets a text with an IPv6 address in it break after its colons.
func breakable(text string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(text), ":", ":<wbr>"))
}

// nameBreaks puts a place to break after what joins the parts of a name.
var nameBreaks = strings.NewReplacer(".", ".<wbr>", "_", "_<wbr>", "@", "@<wbr>")

// breakableName lets a username or an e-mail address break between its parts;
// browsers themselves do so after a hyphen.
func breakableName(name string) template.HTML {
	return template.HTML(nameBreaks.Replace(template.HTMLEscapeString(name)))
}

// accountStatus returns the key of the word for whether u may log in.
func accountStatus(u user.User) string {
	if u.Disabled() {
		return "status_disabled"
	}
	return "status_active"
}

// instant writes an instant for scripts.
func instant(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// timeElement marks up an instant. The script of the pages replaces the text
// and title by the viewer's own zone, or keeps the text relative.
func timeElement(at time.Time, kind, text, title string) template.HTML {
	b := append(make([]byte, 0, 192), `<time datetime="`...)
	b = at.UTC().AppendFormat(b, time.RFC3339)
	b = append(append(append(b, `" data-time="`...), kind...), '"')
	if title != "" {
		b = append(append(append(b, ` title="`...), template.HTMLEscapeString(title)...), '"')
	}
	b = append(append(append(b, '>'), template.HTMLEscapeString(text)...), "</time>"...)
	return template.HTML(b)
}
