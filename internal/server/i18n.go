package server

import (
	"fmt"
	"hash/maphash"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// languages are the languages of the pages. The first is for people whose
// language is not among them.
var languages = []language.Tag{language.English, language.Korean}

var languageMatcher = language.NewMatcher(languages)

// languageCookie holds the language somebody chose: "en" or "ko".
const languageCookie = "lang"

// parseLanguage returns the language named s, as in Base.Lang, and whether
// pages exist in it.
func parseLanguage(s string) (string, bool) {
	for _, tag := range languages {
		if s == tag.String() {
			return s, true
		}
	}
	return "", false
}

// languageOf returns the language to answer r in: the chosen one, else the
// best match of what the browser asks for, else English.
func languageOf(r *http.Request) string {
	if mentions(r.Header["Cookie"], languageCookie+"=") {
		if c, err := r.Cookie(languageCookie); err == nil {
			if lang, ok := parseLanguage(c.Value); ok {
				return lang
			}
		}
	}
	return acceptedLanguages.match(r.Header.Get("Accept-Language"))
}

// mentions spares the parsing of cookies that are not there.
func mentions(lines []string, part string) bool {
	for _, line := range lines {
		if strings.Contains(line, part) {
			return true
		}
	}
	return false
}

// acceptedLanguages remembers matches: to parse what a browser accepts cost a
// fifth of all that a check allocates, and there are few browsers that differ.
var acceptedLanguages = languageMemo{seed: maphash.MakeSeed()}

// languageMemo is a bounded memory without locks: a header has one place, which
// it may lose to another one.
type languageMemo struct {
	seed   maphash.Seed
	places [256]atomic.Pointer[languageMatch]
}

type languageMatch struct{ header, lang string }

// longestAccept bounds the headers that are remembered.
const longestAccept = 256

// match returns the language of ours that suits an Accept-Language header best.
func (m *languageMemo) match(header string) string {
	place := &m.places[maphash.String(m.seed, header)%uint64(len(m.places))]
	if known := place.Load(); known != nil && known.header == header {
		return known.lang
	}
	// A header that cannot be parsed counts as none: the list is then empty
	// and the first language matches.
	tags, _, _ := language.ParseAcceptLanguage(header)
	_, i, _ := languageMatcher.Match(tags...)
	lang := languages[i].String()
	if len(header) <= longestAccept {
		place.Store(&languageMatch{strings.Clone(header), lang})
	}
	return lang
}

// translators has one translator per language.
type translators map[string]*translator

// newTranslators reads the message file of each language from locales.
func newTranslators(locales fs.FS) (translators, error) {
	all := translators{}
	for _, tag := range languages {
		lang := tag.String()
		messages, err := readMessages(locales, lang+".json")
		if err != nil {
			return nil, fmt.Errorf("server: texts in %q: %w", lang, err)
		}
		all[lang] = &translator{lang: lang, tag: tag, messages: messages}
	}
	return all, nil
}

// of returns the translator of lang, or the one of the first language.
func (ts translators) of(lang string) *translator {
	if t, ok := ts[lang]; ok {
		return t
	}
	return ts[languages[0].String()]
}

// translator speaks one language.
type translator struct {
	lang     string
	tag      language.Tag
	messages map[string]message // by key
}

// T returns the text of key, plain. args are pairs of a placeholder's name and
// its value: T("duration_days", "Count", 14). "Count", an int, also chooses the
// plural form, and for 0 the text of key+"_zero" if there is one. A key without
// text, or a text whose placeholders args do not fill, comes back as the key; a
// test keeps that from happening.
func (t *translator) T(key string, args ...any) string {
	text, ok := t.text(key, args, plainText)
	if !ok {
		return key
	}
	return text
}

// HTML is T for texts that hold markup, such as confirm_disable: what the args
// bring is escaped, the text itself is not.
func (t *translator) HTML(key string, args ...any) template.HTML {
	text, ok := t.text(key, args, escapedText)
	if !ok {
		return template.HTML(template.HTMLEscapeString(key))
	}
	return template.HTML(text)
}

// has reports whether key has a text.
func (t *translator) has(key string) bool { return t.messages[key] != nil }

func (t *translator) text(key string, args []any, write func(any) string) (string, bool) {
	m, form := t.messages[key], plural.Other
	count, _ := argument(args, "Count")
	if n, ok := count.(int); ok {
		form = plural.Cardinal.MatchPlural(t.tag, max(n, 0), 0, 0, 0, 0)
		if n == 0 && t.has(key+"_zero") {
			// English and Korean have no plural form of their own for nothing.
			m, form = t.messages[key+"_zero"], plural.Other
		}
	}
	p, ok := m[form]
	if !ok {
		p, ok = m[plural.Other]
	}
	if !ok || len(args)%2 != 0 {
		return "", false
	}
	return p.fill(args, write)
}

// invalid translates the message keys of a [user.Invalid] by field, for
// Form.Errors. args are given to every text.
func (t *translator) invalid(keys map[string]string, args ...any) map[string]string {
	texts := make(map[string]string, len(keys))
	for field, key := range keys {
		texts[field] = strings.TrimSpace(t.T(key, args...))
	}
	return texts
}
