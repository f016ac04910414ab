package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/nicksnyder/go-i18n/v2/i18n"
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
	bundle := i18n.NewBundle(languages[0])
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	all := translators{}
	for _, tag := range languages {
		lang := tag.String()
		file, err := bundle.LoadMessageFileFS(locales, lang+".json")
		if err != nil {
			return nil, fmt.Errorf("server: texts in %q: %w", lang, err)
		}
		t := &translator{lang: lang, localizer: i18n.NewLocalizer(bundle, lang), keys: map[string]bool{}, plain: map[string]string{}}
		for _, m := range file.Messages {
			t.keys[m.ID] = true
		}
		for _, m := range file.Messages {
			if text, err := t.text(m.ID, nil, nil); err == nil && !strings.Contains(m.Other, "{{") {
				t.plain[m.ID] = text
			}
		}
		all[lang] = t
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
	lang      string
	localizer *i18n.Localizer
	keys      map[string]bool
	// plain has the texts without placeholders, which are always the same and
	// most of a page.
	plain map[string]string
}

// T returns the text of key, plain. args are pairs of a placeholder's name and
// its value: T("duration_days", "Count", 14). "Count" also chooses the plural
// form, and for 0 the text of key+"_zero" if there is one. A key without text
// comes back as it is; a test keeps that from happening.
func (t *translator) T(key string, args ...any) string {
	text, err := t.text(key, args, func(v any) any { return v })
	if err != nil {
		return key
	}
	return text
}

// HTML is T for texts that hold markup, such as confirm_disable: what the args
// bring is escaped, the text itself is not.
func (t *translator) HTML(key string, args ...any) template.HTML {
	text, err := t.text(key, args, func(v any) any {
		if safe, ok := v.(template.HTML); ok {
			return safe
		}
		return template.HTMLEscaper(v)
	})
	if err != nil {
		return template.HTML(template.HTMLEscapeString(key))
	}
	return template.HTML(text)
}

var errOddArgs = errors.New("server: translation args are not pairs of name and value")

func (t *translator) text(key string, args []any, prepare func(any) any) (string, error) {
	if len(args)%2 != 0 {
		return "", errOddArgs
	}
	if same, ok := t.plain[key]; ok && len(args) == 0 {
		return same, nil
	}
	data := make(map[string]any, len(args)/2)
	config := i18n.LocalizeConfig{MessageID: key, TemplateData: data}
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return "", errOddArgs
		}
		data[name] = prepare(args[i+1])
		if name == "Count" {
			config.PluralCount = args[i+1]
		}
	}
	// English and Korean have no plural form of their own for nothing.
	if config.PluralCount == 0 && t.keys[key+"_zero"] {
		config.MessageID = key + "_zero"
		config.PluralCount = nil
	}
	if !t.keys[config.MessageID] {
		return "", fmt.Errorf("server: no text for %q in %q", key, t.lang)
	}
	return t.localizer.Localize(&config)
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
