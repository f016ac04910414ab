package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"html/template"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nicksnyder/go-i18n/v2/i18n"

	"gatehouse/internal/session"
)

// messages reads a message file: by key the texts by plural form, "" being a
// text without forms.
func messages(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	data, err := fs.ReadFile(webDir(t, "locales"), lang+".json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for key, value := range raw {
		var text string
		forms := map[string]string{}
		if json.Unmarshal(value, &text) == nil {
			forms[""] = text
		} else if err := json.Unmarshal(value, &forms); err != nil {
			t.Fatalf("%s %s: %v", lang, key, err)
		}
		all[key] = forms
	}
	return all
}

func placeholders(forms map[string]string) []string {
	var names []string
	for _, text := range forms {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestLocalesSayTheSame(t *testing.T) {
	en, ko := messages(t, "en"), messages(t, "ko")
	for key := range ko {
		if en[key] == nil {
			t.Errorf("%s: only in Korean", key)
		}
	}
	for key, forms := range en {
		other := ko[key]
		if other == nil {
			t.Errorf("%s: only in English", key)
			continue
		}
		if diff := cmp.Diff(placeholders(forms), placeholders(other)); diff != "" {
			t.Errorf("%s: placeholders differ (-en +ko):\n%s", key, diff)
		}
		if plural := slices.Contains(placeholders(forms), "Count"); plural {
			if forms["one"] == "" || forms["other"] == "" || other["other"] == "" {
				t.Errorf("%s: a text with Count needs the plural forms of its language", key)
			}
		} else if forms[""] == "" || other[""] == "" {
			t.Errorf("%s: empty, or plural forms without Count", key)
		}
		for _, texts := range []map[string]string{forms, other} {
			for _, text := range texts {
				if strings.Contains(text, "<") && !strings.HasPrefix(key, "confirm_") {
					t.Errorf("%s: markup in a text that is used as plain text", key)
				}
			}
		}
	}
}

// sources returns the text of the files that glob matches, tests left out.
func sources(t *testing.T, glob string) string {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files match %s (%v)", glob, err)
	}
	var all strings.Builder
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// findAll returns prefix + the first group of every match.
func findAll(prefix, pattern, text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, prefix+m[1])
	}
	return found
}

// TestLocalesHaveEveryKey finds the keys where they arise: in templates, in
// handlers, and in the lists of reasons, kinds and problems of other packages.
func TestLocalesHaveEveryKey(t *testing.T) {
	templates := sources(t, "../../web/templates/*.html") + sources(t, "../../web/templates/partials/*.html")
	handlers := sources(t, "*.go")
	from := map[string][]string{
		"templates": findAll("", `\bt "([a-z_]+[a-z])"`, templates),
		"handlers": slices.Concat(
			findAll("", `\.(?:T|HTML)\("([a-z_]+[a-z])"`, handlers),
			findAll("", `"((?:title|flash|confirm|status|live)_[a-z_]+[a-z])"`, handlers),
			findAll("", `Base\(r, "([a-z_]+)"`, handlers),
		),
		"plain problems":     findAll("", `"((?:username|password)_required|audit_[a-z]+_invalid)"`, handlers),
		"what programs send": findAll("", `"((?:json|query)_[a-z_]+|(?:limit|cursor|carrier|role|session_id)_wrong)"`, handlers),
		"reasons":            findAll("ended_", `Reason = "([a-z_]+)"`, sources(t, "../session/*.go")),
		"activities":         findAll("activity_", `Kind\s+= "([a-z_]+)"`, sources(t, "../audit/*.go")),
		"rooms":              findAll("audit_room_", `Room\s+= "([a-z_]+)"`, sources(t, "../audit/*.go")),
		"refusals":           findAll("audit_refused_", `Refusal\s+= "([a-z_]+)"`, sources(t, "../audit/*.go")),
		"roles":              findAll("role_", `Role = "([a-z_]+)"`, sources(t, "../user/*.go")),
		"problems":           findAll("", `"((?:username|email|name|password|current)_[a-z_]+)"`, sources(t, "../user/*.go")),
	}
	for _, unit := range []string{"minutes", "hours", "days", "years"} {
		from["times"] = append(from["times"], "ago_"+unit, "in_"+unit)
	}
	for _, field := range []string{"user", "role", "ip", "older", "idle", "carrier", "ids"} {
		from["filters"] = append(from["filters"], "filter_"+field+"_wrong")
	}
	for _, action := range []string{"end_session", "end_user", "disable", "enable", "role_admin", "role_user"} {
		from["confirm pages"] = append(from["confirm pages"], "confirm_"+action, "confirm_"+action+"_title", "confirm_"+action+"_verb")
	}
	for _, k := range allKinds() {
		from["errors"] = append(from["errors"], "error_"+k.key+"_title", "error_"+k.key+"_text")
	}

	texts, used := messages(t, "en"), map[string]bool{}
	for _, key := range from["errors"] { // those of programs are there only where others speak of pages
		used["problem_"+strings.TrimPrefix(key, "error_")] = true
	}
	for place, keys := range from {
		if len(keys) == 0 {
			t.Errorf("no keys found in %s: the search is wrong", place)
		}
		for _, key := range keys {
			used[key] = true
			used[key+"_zero"] = true
			if texts[key] == nil && !strings.HasSuffix(key, "_") {
				t.Errorf("%s: no text for %s", place, key)
			}
		}
	}
	for key := range texts {
		if !used[key] {
			t.Errorf("%s is used nowhere", key)
		}
	}
}

// allKinds is the table of errors and those that are known by their type.
func allKinds() []kind {
	return append(slices.Clone(kinds), kindOf(&http.MaxBytesError{}), kindOf(&tooManyError{}), kindOf(&session.EndedError{}), kindOf(errors.New("any other")))
}

func testTranslator(t *testing.T, lang string) *translator {
	t.Helper()
	all, err := newTranslators(webDir(t, "locales"))
	if err != nil {
		t.Fatal(err)
	}
	return all.of(lang)
}

func TestI18nLanguageOf(t *testing.T) {
	tests := []struct{ cookie, accept, want string }{
		{"", "", "en"},
		{"", "ko-KR,ko;q=0.9,en-US;q=0.8", "ko"},
		{"", "en-GB,ko;q=0.5", "en"},
		{"", "ja,ko;q=0.5", "ko"},
		{"", "ja, fr-CA", "en"},
		{"", "ko-KP", "ko"},
		{"", "*", "en"},
		{"", ";;;q=,,\x00", "en"},
		{"", strings.Repeat("ko-", 5000), "en"},
		{"ko", "en", "ko"},
		{"en", "ko", "en"},
		{"KO", "en", "en"},
		{"../../etc", "ko", "ko"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", tt.accept)
		if tt.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: tt.cookie})
		}
		if got := languageOf(r); got != tt.want {
			t.Errorf("cookie %q, header %.40q: %s, want %s", tt.cookie, tt.accept, got, tt.want)
		}
	}
}

// More headers than there are places: whichever is remembered, each gets the
// language that it would get without a memory.
func TestI18nLanguageMemo(t *testing.T) {
	m := languageMemo{seed: maphash.MakeSeed()}
	want := map[string]string{"": "en", "ko": "ko", strings.Repeat("x", 2*longestAccept) + ",ko": "en"}
	for i := range 2 * len(m.places) {
		want[fmt.Sprintf("ko;q=0.%03d,en;q=0.5", i%1000)] = "en"
		want[fmt.Sprintf("en;q=0.%03d,ko;q=0.9", i%900)] = "ko"
	}
	for i := 501; i < 1000; i++ {
		want[fmt.Sprintf("ko;q=0.%03d,en;q=0.5", i)] = "ko"
	}
	delete(want, "ko;q=0.500,en;q=0.5")
	for range 2 {
		for header, lang := range want {
			if got := m.match(header); got != lang {
				t.Fatalf("%q: %s, want %s", header, got, lang)
			}
		}
	}
}

func TestI18nTexts(t *testing.T) {
	en, ko := testTranslator(t, "en"), testTranslator(t, "ko")
	if got := ko.T("login_failed"); got != "아이디 또는 비밀번호가 올바르지 않습니다." {
		t.Error(got)
	}
	for want, got := range map[string]string{
		"1 session":                      en.T("count_sessions", "Count", 1),
		"2 sessions":                     en.T("count_sessions", "Count", 2),
		"0 sessions":                     en.T("count_sessions", "Count", 0),
		"세션 1개":                          ko.T("count_sessions", "Count", 1),
		"No other device was logged in.": en.T("flash_others_ended", "Count", 0),
		"로그인된 다른 기기가 없습니다.": ko.T("flash_others_ended", "Count", 0),
		"no_such_key":                       en.T("no_such_key"),
		"login":                             en.T("login", "odd"),
		"too_many":                          en.T("too_many", "Idle", "x"),
		"Try <this>: a < b":                 en.T("about_user", "Verb", "Try <this>", "Who", "a < b"),
		"3 ended, 1 already gone, x, 12 ms": en.T("flash_admin_receipt", "Ended", 3, "Gone", 1, "Nodes", "x", "Ms", int64(12)),
		"confirmed by 1 of 2 nodes":         en.T("receipt_nodes", "Count", 2, "Confirmed", 1),
		"confirmed by 1 of 1 node":          en.T("receipt_nodes", "Count", 1, "Confirmed", 1),
		"no node asked":                     en.T("receipt_nodes", "Count", 0, "Confirmed", 0),
		"The password needs at least 8 characters.": en.invalid(map[string]string{"password": "password_short"}, "Min", 8, "Max", 128)["password"],
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestI18nTextsAreThoseOfGoI18n: we take texts apart ourselves, but their files
// are go-i18n's, and so is what they mean.
func TestI18nTextsAreThoseOfGoI18n(t *testing.T) {
	for _, tag := range languages {
		lang := tag.String()
		bundle := i18n.NewBundle(tag)
		bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
		if _, err := bundle.LoadMessageFileFS(webDir(t, "locales"), lang+".json"); err != nil {
			t.Fatal(err)
		}
		theirs, ours := i18n.NewLocalizer(bundle, lang), testTranslator(t, lang)
		for key, forms := range messages(t, lang) {
			for _, n := range []int{0, 1, 2, 3, 5, 11, 21, 100, 1_000_000} {
				config := i18n.LocalizeConfig{MessageID: key}
				data, args := map[string]any{}, []any{}
				for _, name := range placeholders(forms) {
					value := any("<" + name + "> {{.Name}}")
					if name == "Count" {
						value, config.PluralCount = n, n
						if n == 0 && ours.has(key+"_zero") {
							config.MessageID, config.PluralCount = key+"_zero", nil
						}
					}
					data[name], args = value, append(args, name, value)
				}
				config.TemplateData = data
				want, err := theirs.Localize(&config)
				if err != nil {
					t.Fatal(err)
				}
				if got := ours.T(key, args...); got != want {
					t.Errorf("%s %s, %d: %q, want %q", lang, key, n, got, want)
				}
			}
		}
	}
}

func TestI18nRefusesBadTexts(t *testing.T) {
	for _, text := range []string{"{{Name}}", "{{.Name", "Name}}", "{{.A.B}}", "{{if .A}}x{{end}}", "{{.A}}{{ .B }}"} {
		data, err := json.Marshal(map[string]string{"key": text})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readMessages(fstest.MapFS{"en.json": {Data: data}}, "en.json"); !errors.Is(err, errBraces) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, data := range []string{"{", `{"key": 1}`} {
		if got, err := readMessages(fstest.MapFS{"en.json": {Data: []byte(data)}}, "en.json"); err == nil {
			t.Errorf("%s: %v", data, got)
		}
	}
}

func TestI18nHTMLEscapesWhatComesFromOutside(t *testing.T) {
	en := testTranslator(t, "en")
	got := string(en.HTML("confirm_enable", "Who", hostile))
	if strings.Contains(got, "<script") || !strings.Contains(got, "<strong>&lt;script&gt;") {
		t.Error(got)
	}
	if got := string(en.HTML("confirm_enable", "Who", template.HTML("<em>x</em>"))); !strings.Contains(got, "<em>x</em>") {
		t.Error(got)
	}
	if got := string(en.HTML("<b>")); got != "&lt;b&gt;" {
		t.Error(got)
	}
	// What was given is no template of its own.
	if got := string(en.HTML("flash_user_enabled", "Who", "{{.Who}}")); !strings.Contains(got, "{{.Who}}") {
		t.Error(got)
	}
}

func TestI18nRelativeTime(t *testing.T) {
	en, ko := testTranslator(t, "en"), testTranslator(t, "ko")
	tests := []struct {
		ago    time.Duration
		en, ko string
	}{
		{0, "just now", "방금"},
		{59 * time.Second, "just now", "방금"},
		{time.Minute, "1 minute ago", "1분 전"},
		{3*time.Minute + 59*time.Second, "3 minutes ago", "3분 전"},
		{time.Hour, "1 hour ago", "1시간 전"},
		{47 * time.Hour, "1 day ago", "1일 전"},
		{400 * day, "1 year ago", "1년 전"},
		{-30 * time.Second, "just now", "방금"},
		{-90 * time.Minute, "in 1 hour", "1시간 후"},
		{-14 * day, "in 14 days", "14일 후"},
	}
	for _, tt := range tests {
		at := sampleNow.Add(-tt.ago)
		if got := en.relative(at, sampleNow); got != tt.en {
			t.Errorf("%v: %q, want %q", tt.ago, got, tt.en)
		}
		if got := ko.relative(at, sampleNow); got != tt.ko {
			t.Errorf("%v: %q, want %q", tt.ago, got, tt.ko)
		}
	}
}

func TestI18nDuration(t *testing.T) {
	en, ko := testTranslator(t, "en"), testTranslator(t, "ko")
	tests := []struct {
		d      time.Duration
		en, ko string
	}{
		{0, "0 minutes", "0분"},
		{time.Second, "1 second", "1초"},
		{1500 * time.Millisecond, "2 seconds", "2초"},
		{90 * time.Second, "90 seconds", "90초"},
		{time.Minute, "1 minute", "1분"},
		{10*time.Minute + time.Second, "11 minutes", "11분"},
		{time.Hour, "1 hour", "1시간"},
		{36 * time.Hour, "36 hours", "36시간"},
		{14 * day, "14 days", "14일"},
	}
	for _, tt := range tests {
		if got := en.duration(tt.d); got != tt.en {
			t.Errorf("%v: %q, want %q", tt.d, got, tt.en)
		}
		if got := ko.duration(tt.d); got != tt.ko {
			t.Errorf("%v: %q, want %q", tt.d, got, tt.ko)
		}
	}
}

func TestI18nTimeElements(t *testing.T) {
	ko := testTranslator(t, "ko")
	at := sampleNow.In(time.FixedZone("KST", 9*3600)).Add(-3 * time.Minute)
	for want, got := range map[template.HTML]template.HTML{
		`<time datetime="2026-11-21T08:01:00Z" data-time="relative" title="2026-11-21 08:01 +00:00">3분 전</time>`:   ko.ago(at, sampleNow),
		`<time datetime="2026-11-21T08:01:00Z" data-time="absolute">2026-11-21 08:01 +00:00</time>`:                ko.at(at),
		`<time datetime="2026-11-21T08:01:00Z" data-time="date" title="2026-11-21 08:01 +00:00">2026-11-21</time>`: ko.date(at),
		"—": ko.ago(time.Time{}, sampleNow),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
