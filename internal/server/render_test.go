package server

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"gatehouse/web"
)

// testViews returns the product's own pages.
func testViews(t testing.TB) (*views, *static) {
	t.Helper()
	assets, err := newStatic(webDir(t, "static"))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := newTranslators(webDir(t, "locales"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := newViews(webDir(t, "templates"), texts, assets)
	if err != nil {
		t.Fatal(err)
	}
	return v, assets
}

func webDir(t testing.TB, dir string) fs.FS {
	t.Helper()
	f, err := fs.Sub(web.Files, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRenderEveryPage(t *testing.T) {
	v, _ := testViews(t)
	for lang, text := range v.translators {
		for _, s := range everySample(text) {
			t.Run(lang+" "+s.id, func(t *testing.T) {
				w := httptest.NewRecorder()
				if err := v.render(w, http.StatusTeapot, s.name, s.page); err != nil {
					t.Fatal(err)
				}
				if w.Code != http.StatusTeapot {
					t.Errorf("status %d", w.Code)
				}
				if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
					t.Errorf("Content-Type %q", got)
				}
				checkHTML(t, s, w.Body.String())
			})
		}
	}
}

// checkHTML checks what holds for every page.
func checkHTML(t *testing.T, s sample, body string) {
	t.Helper()
	// An empty page has no clock, and a javascript: link is replaced.
	shown := strings.NewReplacer(`data-now="0001-01-01T00:00:00Z"`, "", `href="#ZgotmplZ" autofocus`, "").Replace(body)
	for _, bad := range []string{"<no value>", "ZgotmplZ", "%!", "0001-01-01"} {
		if strings.Contains(shown, bad) {
			t.Errorf("page holds %q", bad)
		}
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var labels, inputs, refs []string
	count := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		attr := attributes(n)
		if id, ok := attr["id"]; ok {
			if ids[id] {
				t.Errorf("id %q twice", id)
			}
			ids[id] = true
		}
		for name := range attr {
			if name == "style" || strings.HasPrefix(name, "on") {
				t.Errorf("<%s> has the attribute %s, which the policy forbids", n.Data, name)
			}
		}
		for _, name := range []string{"aria-describedby", "aria-labelledby", "aria-controls"} {
			refs = append(refs, strings.Fields(attr[name])...)
		}
		switch n.Data {
		case "style":
			t.Error("inline style")
		case "script":
			if attr["src"] == "" || n.FirstChild != nil {
				t.Error("inline script")
			}
		case "label":
			labels = append(labels, attr["for"])
		case "input":
			if attr["type"] != "hidden" && attr["aria-label"] == "" {
				inputs = append(inputs, attr["id"])
			}
			if attr["type"] == "password" && attr["value"] != "" {
				t.Error("a password is sent back")
			}
			// Of the boxes of one list, each has a name and more.
			if id, ok := attr["id"]; ok && id != attr["name"] && !strings.HasPrefix(id, attr["name"]+"-") {
				t.Errorf("input %q has the id %q", attr["name"], id)
			}
		case "html":
			if want := s.page.base().Lang; want != "" && attr["lang"] != want {
				t.Errorf("lang %q, want %q", attr["lang"], want)
			}
		case "body":
			if attr["data-page"] != s.name {
				t.Errorf("data-page %q", attr["data-page"])
			}
		case "a":
			if strings.HasPrefix(strings.ToLower(attr["href"]), "javascript") {
				t.Errorf("link %q", attr["href"])
			}
		}
	}
	for _, once := range []string{"h1", "title", "main", "header", "footer"} {
		if count[once] != 1 {
			t.Errorf("%d <%s>", count[once], once)
		}
	}
	if count["script"] != 1 {
		t.Errorf("%d <script>: something was not escaped", count["script"])
	}
	for _, in := range inputs {
		if in == "" || !slices.Contains(labels, in) {
			t.Errorf("input %q has no label", in)
		}
	}
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("a reference to %q leads nowhere", ref)
		}
	}
}

func attributes(n *html.Node) map[string]string {
	m := make(map[string]string, len(n.Attr))
	for _, a := range n.Attr {
		m[a.Key] = a.Val
	}
	return m
}

// TestRenderHooks keeps the ids that scripts, tests and operators' tools hold on to.
func TestRenderHooks(t *testing.T) {
	v, _ := testViews(t)
	want := map[string][]string{
		"login":                   {`id="login-form"`, `action="/login"`, `autocomplete="username"`, `autocomplete="current-password"`},
		"login_forced":            {`id="notice"`, `data-reason="forced"`},
		"login_failed":            {`id="error-summary"`, `role="alert"`, `aria-invalid="true"`, `value="minji.kim"`, `<title>Error: `},
		"signup":                  {`id="signup-form"`, `autocomplete="new-password"`, `8 to 128 characters`},
		"signup_failed":           {`id="username-error"`, `href="#password"`, `aria-describedby="email-error email-note"`, `<title>Error: `},
		"setup":                   {`id="setup-form"`, `name="code" value="c0de"`},
		"mypage":                  {`id="flash"`, `role="status"`, `data-session="`, `data-current`, `data-signed-in`, `action="/mypage/sessions/end-others"`, `action="/logout"`},
		"password":                {`id="password-form"`, `autocomplete="username"`, `name="current"`},
		"admin_sessions":          {`id="search-form"`, `data-current`, `/end"`, `value="kim"`, `rel="next"`, `aria-current="page"`},
		"admin_sessions_filtered": {`<details class="filters" open`, `value="7d"`, `name="ids"`, `form="select-form"`, `href="/admin/sessions/end?older=7d&amp;role=user"`, `href="/admin/sessions/end?everyone=yes"`},
		"admin_sessions_refused":  {`id="ip-error"`, `value="300.1.2.3"`, `href="#ip"`, `aria-describedby="older-error older-note"`, `<title>Error: `},
		"confirm_end_where":       {`name="role" value="user"`, `name="ids" value="`, `End 128 sessions`, `href="/admin/sessions?role=user" autofocus`},
		"confirm_everyone":        {`id="confirm-error"`, `id="error-summary"`, `<title>Error: `, `type: end everyone`},
		"admin_users":             {`/role?role=admin"`, `/disable"`, `/enable"`, `/end-sessions"`},
		"admin_audit":             {`id="search-form"`, `data-seq="4711"`, `data-kind="login"`, `href="/admin/audit?q=sora"`, `href="/admin/audit.csv?q=kim"`, `rel="next"`, `aria-current="page"`},
		"limit":                   {`id="limit-form"`, `action="/login/choose"`, `name="ticket"`, `name="end" type="checkbox"`, ` checked`, `data-session="`, `href="/login"`},
		"confirm_disable": {`id="confirm-form"`, `method="post" action="/admin/users/hyunwoo/role"`, `name="role" value="admin"`, `id="reason"`,
			`href="/admin/users" autofocus`, `<strong>hyunwoo</strong>`},
		"confirm_hostile": {`&lt;script&gt;`},
		"error":           {`9f2c4e1a7b3d`, `404`},
	}
	for _, s := range samples(v.translators.of("en")) {
		w := httptest.NewRecorder()
		if err := v.render(w, http.StatusOK, s.name, s.page); err != nil {
			t.Fatal(err)
		}
		for _, hook := range want[s.id] {
			if !strings.Contains(w.Body.String(), hook) {
				t.Errorf("%s lacks %s", s.id, hook)
			}
		}
		delete(want, s.id)
	}
	if len(want) > 0 {
		t.Errorf("no sample for %v", want)
	}
}

// TestRenderMyDevices: this device logs out by /logout, others by their own
// button, and logging out is never called Cancel.
func TestRenderMyDevices(t *testing.T) {
	v, _ := testViews(t)
	for _, s := range samples(v.translators.of("ko")) {
		if s.id != "mypage" {
			continue
		}
		w := httptest.NewRecorder()
		if err := v.render(w, http.StatusOK, s.name, s.page); err != nil {
			t.Fatal(err)
		}
		body := w.Body.String()
		for _, word := range []string{"마이페이지", "회원정보", "비밀번호 변경", "로그인 기기 관리", "최근 활동", "로그아웃", "이 기기", "3분 전", "다른 모든 기기에서 로그아웃"} {
			if !strings.Contains(body, word) {
				t.Errorf("lacks %q", word)
			}
		}
		if strings.Contains(body, "취소") {
			t.Error("says 취소")
		}
		ends := regexp.MustCompile(`action="/mypage/sessions/[A-Za-z0-9_-]{43}/end"`).FindAllString(body, -1)
		if len(ends) != 5 {
			t.Errorf("%d buttons that end a session, want one for each of 5 others", len(ends))
		}
	}
}

func TestRenderRefusesTheWrongPage(t *testing.T) {
	v, _ := testViews(t)
	w := httptest.NewRecorder()
	for name, p := range map[string]page{"login": MyPage{}, "nowhere": MyPage{}} {
		if err := v.render(w, http.StatusOK, name, p); err == nil {
			t.Errorf("%s shows a %T", name, p)
		}
	}
	if w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Error("something was sent before the error")
	}
}

func TestRenderStopsAtABadTemplate(t *testing.T) {
	good, assets := testViews(t)
	files := fstest.MapFS{}
	err := fs.WalkDir(webDir(t, "templates"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(webDir(t, "templates"), path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newViews(files, good.translators, assets); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]fstest.MapFS{
		"syntax":         {"login.html": {Data: []byte(`{{define "main"}}{{if}}{{end}}`)}},
		"unknown field":  {"login.html": {Data: []byte(`{{define "page"}}login{{end}}{{define "title"}}{{end}}{{define "main"}}{{.Nothing}}{{end}}`)}},
		"missing asset":  {"login.html": {Data: []byte(`{{define "page"}}login{{end}}{{define "title"}}{{end}}{{define "main"}}{{asset "gone.css"}}{{end}}`)}},
		"missing icon":   {"login.html": {Data: []byte(`{{define "page"}}login{{end}}{{define "title"}}{{end}}{{define "main"}}{{icon "gone"}}{{end}}`)}},
		"unfinished tag": {"login.html": {Data: []byte(`{{define "page"}}login{{end}}{{define "title"}}{{end}}{{define "main"}}<a href="{{end}}`)}},
		"no struct":      {"stray.html": {Data: []byte(`x`)}},
	} {
		broken := fstest.MapFS{}
		for path, f := range files {
			broken[path] = f
		}
		for path, f := range change {
			broken[path] = f
		}
		if _, err := newViews(broken, good.translators, assets); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// brokenWriter fails like a connection that has gone.
type brokenWriter struct{ http.ResponseWriter }

var errGone = errors.New("gone")

func (brokenWriter) Write([]byte) (int, error) { return 0, errGone }

func TestRenderReportsALostConnection(t *testing.T) {
	v, _ := testViews(t)
	if err := v.render(brokenWriter{httptest.NewRecorder()}, http.StatusOK, "login", LoginPage{}); !errors.Is(err, errGone) {
		t.Errorf("error %v", err)
	}
}

// TestRenderSamplesCoverEveryPage keeps the samples honest.
func TestRenderSamplesCoverEveryPage(t *testing.T) {
	v, _ := testViews(t)
	seen := map[string]bool{}
	for _, s := range samples(v.translators.of("en")) {
		seen[s.name] = true
		if reflect.TypeOf(pages[s.name]) != reflect.TypeOf(s.page) {
			t.Errorf("sample %s is a %T", s.id, s.page)
		}
	}
	for name := range pages {
		if !seen[name] {
			t.Errorf("no sample of %s", name)
		}
	}
}
