package server

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// table downloads the audit log and returns its rows without the number and
// the time, the header included.
func (c *client) table(query string) [][]string {
	c.w.t.Helper()
	r := c.get("/admin/audit.csv" + query)
	if r.Code != http.StatusOK {
		c.w.t.Fatalf("audit.csv%s: %d", query, r.Code)
	}
	text, ok := bytes.CutPrefix(r.Body.Bytes(), []byte("\ufeff"))
	if !ok {
		c.w.t.Error("no byte order mark")
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	must(c.w.t, err)
	for i := range rows {
		rows[i] = rows[i][2:]
	}
	return rows
}

// newest returns what the log has about one kind, newest first, one line each.
func (c *client) newest(kind audit.Kind) []string {
	c.w.t.Helper()
	var lines []string
	for _, row := range c.table("?kind=" + string(kind))[1:] {
		lines = append(lines, strings.Join(row, " | "))
	}
	return lines
}

// Everything that somebody does to an account is in the log, with whom, who,
// from where and why; on the page as in the file.
func TestAuditKnowsEverything(t *testing.T) {
	w := newWorld(t)
	code, _, err := w.Users.NewSetupCode(context.Background())
	must(t, err)
	admin := w.client()
	admin.remote = "198.51.100.9:1"
	wantRedirect(t, admin.post("/setup", "code", code, "username", "root1", "password", goodPassword), "/mypage")
	c, phone := w.client(), w.client()
	c.header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
	login := func(c *client, more ...string) {
		t.Helper()
		wantRedirect(t, c.post("/login", append([]string{"username", "kim", "password", goodPassword}, more...)...), "/mypage")
	}
	wantRedirect(t, c.post("/signup", "username", "kim", "password", goodPassword), "/mypage")
	wantRedirect(t, w.client().post("/signup", "username", "kim", "password", goodPassword), "/mypage") // pressed twice
	wantRedirect(t, c.post("/logout"), "/login?ended=logout")
	wantStatus(t, c.post("/login", "username", "kim", "password", "hunter2-typed"), http.StatusUnauthorized)
	wantStatus(t, c.post("/login", "username", "hunter2-as-name", "password", "x"), http.StatusUnauthorized)
	login(c, "remember", "on")
	login(c) // again, over the first
	login(phone)
	wantRedirect(t, c.post("/mypage/sessions/"+string(phone.session())+"/end"), "/mypage")
	login(phone)
	wantRedirect(t, c.post("/mypage/sessions/end-others"), "/mypage")
	wantRedirect(t, c.post("/mypage/sessions/end-others"), "/mypage") // nothing left to end
	login(phone)
	wantStatus(t, c.post("/mypage/password", "current", "wrong", "password", "another kettle 99"), http.StatusUnprocessableEntity)
	wantRedirect(t, c.post("/mypage/password", "current", goodPassword, "password", "another kettle 99"), "/mypage")
	wantRedirect(t, admin.post("/admin/sessions/"+string(c.session())+"/end", "reason", "=1+1 lost"), "/admin/sessions")
	wantRedirect(t, admin.post("/admin/users/kim/end-sessions", "reason", "\"quoted\", 분실\r\nsecond line"), "/admin/users")
	wantRedirect(t, admin.post("/admin/users/kim/role", "role", "admin", "reason", "new colleague"), "/admin/users")
	wantRedirect(t, admin.post("/admin/users/kim/role", "role", "admin"), "/admin/users") // nothing to change
	wantRedirect(t, admin.post("/admin/users/kim/disable", "reason", "left"), "/admin/users")
	wantRedirect(t, admin.post("/admin/users/kim/enable", "reason", "came back"), "/admin/users")
	must(t, w.Audit.Append(context.Background(), audit.Event{At: w.Now(), Kind: audit.EveryoneEnded, Note: "-1", Detail: audit.Detail{Ended: 1}}))

	const device, here, root = "Chrome · Windows", "192.0.2.1", "198.51.100.9"
	for kind, want := range map[audit.Kind][]string{
		audit.Setup:       {"First administrator made | root1 | root1 | " + root + " |  |  | "},
		audit.SignUp:      {"Signed up | kim | kim | " + here + " | " + device + " |  | "},
		audit.Logout:      {"Logged out | kim | kim | " + here + " | " + device + " |  | "},
		audit.LoginFailed: {"Failed log-in | no such account | — | " + here + " | " + device + " |  | ", "Failed log-in | kim | — | " + here + " | " + device + " |  | "},
		audit.SessionEnded: {
			"One device logged out | kim | root1 | " + root + " |  | Ended: " + device + " | '=1+1 lost",
			"One device logged out | kim | kim | " + here + " | " + device + " |  | ",
			"One device logged out | kim | kim | " + here + " | " + device + " | Ended: " + device + " · By a new log-in in the same browser | ",
		},
		audit.SessionsEnded: {
			"Several devices logged out | kim | root1 | " + root + " |  |  | \"quoted\", 분실\nsecond line",
			"Several devices logged out | kim | kim | " + here + " | " + device + " | 2 sessions ended | ",
		},
		audit.PasswordFailed: {"Password not changed: current one wrong | kim | kim | " + here + " | " + device + " |  | "},
		audit.PasswordChange: {"Password changed | kim | kim | " + here + " | " + device + " | 1 session ended | "},
		audit.RoleChange:     {"Role changed | kim | root1 | " + root + " |  | User → Admin | new colleague"},
		audit.Disable:        {"Account disabled | kim | root1 | " + root + " |  |  | left"},
		audit.Enable:         {"Account enabled | kim | root1 | " + root + " |  |  | came back"},
		audit.EveryoneEnded:  {"Everybody logged out | Everybody | operator |  |  | 1 session ended | '-1"},
	} {
		if got := admin.newest(kind); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", kind, got, want)
		}
	}
	if got := admin.newest(audit.Login); len(got) != 8 || !slices.Contains(got, "Logged in | kim | kim | "+here+" | "+device+" | Kept signed in | ") {
		t.Errorf("log-ins: %d\n%s", len(got), strings.Join(got, "\n"))
	}

	page := admin.get("/admin/audit?q=kim")
	for _, text := range []string{`data-kind="disabled"`, "left", "new colleague", "User → Admin", "=1&#43;1 lost", device, root, `href="/admin/audit?q=root1"`, `<time datetime="`} {
		wantText(t, page, text)
	}
	page = admin.get("/admin/audit")
	wantText(t, page, `data-kind="everyone_ended"`)
	whole := page.Body.String() + admin.get("/admin/audit.csv").Body.String()
	for _, secret := range []string{"hunter2", goodPassword, code} {
		if strings.Contains(whole, secret) {
			t.Errorf("the log knows %q", secret)
		}
	}
	// What was done to the account, its owner reads on /mypage, but not by whom.
	login2 := w.client()
	wantRedirect(t, login2.post("/login", "username", "kim", "password", "another kettle 99"), "/mypage")
	mine := login2.get("/mypage")
	for _, text := range []string{"Everybody logged out", "by the operator", "Account disabled", "by an administrator", "left", "User → Admin", "Password not changed"} {
		wantText(t, mine, text)
	}
	if strings.Contains(mine.Body.String(), "root1") {
		t.Error("/mypage names the administrator")
	}
	if n := strings.Count(mine.Body.String(), "by an administrator"); n != 5 {
		t.Errorf("%d rows by an administrator, want 5", n)
	}
}

// A flood of refusals leaves a handful of lines.
func TestAuditIsNotFlooded(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limiter = limit.NewMemory(0, c.Now) })
	w.account("kim", user.RoleUser)
	w.account("root1", user.RoleAdmin)
	admin := w.loggedIn("root1")
	c := w.client()
	c.remote = "203.0.113.5:1"
	for range 40 {
		c.post("/login", "username", "kim", "password", "wrong")
		c.post("/login", "username", "stranger", "password", "wrong")
	}
	got := admin.newest(audit.LoginLimited)
	if len(got) != 3 { // both accounts' buckets, and the address
		t.Errorf("%d lines: %q", len(got), got)
	}
	if !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "Log-in refused: too many tries | kim | — | 203.0.113.5")
	}) {
		t.Errorf("nobody is told that it was about kim: %q", got)
	}
	nobody := func(lines []string) (n int) {
		for _, s := range lines {
			if strings.Contains(s, "no such account") {
				n++
			}
		}
		return n
	}
	if n := nobody(admin.newest(audit.LoginFailed)); n != 1 {
		t.Errorf("%d lines about accounts that do not exist, want 1", n)
	}
	w.clock.advance(time.Minute)
	c.post("/login", "username", "stranger", "password", "wrong")
	if n := nobody(admin.newest(audit.LoginFailed)); n != 2 {
		t.Errorf("a minute later %d lines, want 2", n)
	}
	// From a thousand networks as well.
	w.clock.advance(30 * time.Minute)
	for i := range 1000 {
		c.remote = fmt.Sprintf("[2001:db8:0:%x::1]:1", i)
		c.post("/login", "username", "stranger", "password", "wrong")
	}
	if n := nobody(admin.newest(audit.LoginFailed)); n != 2+limit.AuditFlood.Burst {
		t.Errorf("%d lines, want %d", n, 2+limit.AuditFlood.Burst)
	}
}

func TestAuditFilters(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	admin := w.loggedIn("root1")
	for _, tt := range []struct{ query, says string }{
		{"q=192.0.2.0/33", "This is not a network"},
		{"q=kim/8", "This is not a network"},
		{"kind=nothing", "There is no such event"},
		{"from=21.11.2026", "This is not a day"},
		{"to=2026-02-30", "This is not a day"},
		{"from=2026-11-02&to=2026-11-01", "The last day is before the first"},
	} {
		for _, path := range []string{"/admin/audit?", "/admin/audit.csv?"} {
			r := admin.get(path + tt.query)
			wantStatus(t, r, http.StatusUnprocessableEntity)
			wantText(t, r, tt.says)
			if got := r.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
				t.Errorf("%s: %s", tt.query, got)
			}
		}
	}
	today := w.Now().UTC().Format(time.DateOnly)
	yesterday := w.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	for query, rows := range map[string]int{
		"": 1, "q=": 1, "q=root": 1, "q=%25": 0, "q=192.0.2.0/24": 1, "q=192.0.2.": 1, "q=10.0.0.0/8": 0, "kind=login&kind=logout": 1, "kind=": 1, "kind=logout": 0,
		"from=" + today: 1, "to=" + today: 1, "to=" + yesterday: 0, "from=" + today + "&to=" + today: 1, "before=x": 1, "before=1": 0, "before=-1": 1, "q=%00%ff": 0,
	} {
		r := admin.get("/admin/audit?" + query)
		wantStatus(t, r, http.StatusOK)
		if got := strings.Count(r.Body.String(), "data-seq="); got != rows {
			t.Errorf("%q: %d rows, want %d", query, got, rows)
		}
		if rows == 0 {
			wantText(t, r, "No event matches.")
		}
	}
	admin.header.Set("Accept-Language", "ko")
	wantText(t, admin.get("/admin/audit"), "감사 기록")
	if got := admin.table("?kind=login")[0]; strings.Join(got, ",") != "내용,사용자,수행자,IP,기기,상세,사유" {
		t.Errorf("header %q", got)
	}
}

// The link to older events leads through all of them, however many arrive.
func TestAuditPages(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	admin := w.loggedIn("root1")
	seen := map[string]int{}
	add := func(from, to int) {
		for i := from; i < to; i++ {
			must(t, w.Audit.Append(context.Background(), audit.Event{At: w.Now(), Kind: audit.Enable, Note: fmt.Sprintf("event-%d.", i)}))
		}
	}
	const n = 2*adminPageSize + 3
	add(0, n)
	next, pages := "/admin/audit?kind=enabled", 0
	for next != "" {
		r := admin.get(next)
		wantStatus(t, r, http.StatusOK)
		body := r.Body.String()
		for i := range 2 * n {
			seen[fmt.Sprint(i)] += strings.Count(body, fmt.Sprintf("event-%d.", i))
		}
		if pages > 0 {
			wantText(t, r, `href="/admin/audit?kind=enabled"`)
		}
		next = ""
		if _, rest, ok := strings.Cut(body, `href="/admin/audit?before=`); ok {
			rest, _, _ = strings.Cut(rest, `"`)
			next = "/admin/audit?before=" + strings.ReplaceAll(rest, "&amp;", "&")
		}
		add(n+pages, n+pages+1)
		pages++
	}
	if pages != 3 {
		t.Errorf("%d pages", pages)
	}
	for i := range n {
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("event %d seen %d times", i, seen[fmt.Sprint(i)])
		}
	}
}

func TestAuditTable(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	w.account("kim", user.RoleUser)
	admin := w.loggedIn("root1")
	notes := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", `a "b", c`, "두 줄\n두 번째", "", "'", "safe = 1"}
	for _, note := range notes {
		must(t, w.Audit.Append(context.Background(), audit.Event{At: w.Now(), Kind: audit.Enable, Device: note, Note: note}))
	}
	r := admin.get("/admin/audit.csv?kind=enabled")
	for name, want := range map[string]string{
		"Content-Type":        "text/csv; charset=utf-8",
		"Content-Disposition": `attachment; filename="gatehouse-audit-` + w.Now().UTC().Format(time.DateOnly) + `.csv"`,
		"Cache-Control":       "no-store",
		"Content-Length":      "",
	} {
		if got := r.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	rows := admin.table("?kind=enabled")[1:]
	slices.Reverse(rows)
	for i, want := range []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'x", `a "b", c`, "두 줄\n두 번째", "", "'", "safe = 1"} {
		if got := rows[i][6]; got != want {
			t.Errorf("%q is %q, want %q", notes[i], got, want)
		}
		if rows[i][4] != want {
			t.Errorf("device %q is %q", notes[i], rows[i][4])
		}
	}
	if body := admin.do("HEAD", "/admin/audit.csv", nil).Body.Len(); body != 0 {
		t.Errorf("HEAD has %d bytes", body)
	}
	for who, c := range map[string]*client{"a user": w.loggedIn("kim"), "a stranger": w.client()} {
		if r := c.get("/admin/audit.csv"); r.Code == http.StatusOK || strings.Contains(r.Body.String(), "root1") {
			t.Errorf("%s: %d", who, r.Code)
		}
	}
}

// A file that was cut says so in a row that fits the others.
func TestAuditTableThatIsCut(t *testing.T) {
	r := httptest.NewRecorder()
	table := newAuditTable(r, testTranslator(t, "en"))
	table.header()
	table.cut(maxExport)
	must(t, table.flush())
	rows, err := csv.NewReader(r.Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][2] != "Stopped after 1000000 rows: choose a shorter time." {
		t.Errorf("%q, %v", rows, err)
	}
}

// watchedLog calls before ahead of every search but the first.
type watchedLog struct {
	audit.Log
	searches int
	before   func()
}

func (l *watchedLog) Search(ctx context.Context, q audit.Query) ([]audit.Entry, int64, error) {
	if l.searches++; l.searches > 1 && l.before != nil {
		l.before()
	}
	return l.Log.Search(ctx, q)
}

// A long file comes whole, in portions; and it stops when the administrator's
// session ends in the middle, and does not look like a whole one (I10).
func TestAuditTableInPortions(t *testing.T) {
	log := &watchedLog{}
	w := newWorld(t, func(c *Config) { log.Log, c.Audit = c.Audit, log })
	w.account("root1", user.RoleAdmin)
	admin := w.loggedIn("root1")
	const n = 2*exportPortion + 7
	must(t, fillAudit(w, n))
	site := httptest.NewServer(w)
	defer site.Close()
	fetch := func() (rows int, err error) {
		req, err := http.NewRequest("GET", site.URL+"/admin/audit.csv?kind=enabled", nil)
		must(t, err)
		req.AddCookie(admin.cookies["__Host-session"])
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
		all, err := csv.NewReader(resp.Body).ReadAll()
		return len(all) - 1, err
	}
	if rows, err := fetch(); rows != n || err != nil {
		t.Errorf("%d rows, want %d (%v)", rows, n, err)
	}
	log.searches = 0
	log.before = func() {
		_, err := w.Sessions.End(context.Background(), []session.ID{admin.session()}, session.Why{Reason: session.Forced})
		must(t, err)
	}
	if _, err := fetch(); err == nil {
		t.Error("the end of the session went unnoticed: the file looks whole")
	}
	if log.searches != 2 {
		t.Errorf("%d searches: more was read after the end", log.searches)
	}
}

// fillAudit appends n events.
func fillAudit(w *world, n int) error {
	for i := range n {
		if err := w.db.Audit().Append(context.Background(), audit.Event{At: w.Now(), Kind: audit.Enable, Note: fmt.Sprint(i)}); err != nil {
			return err
		}
	}
	return nil
}

func TestAuditURLKeepsTheFilter(t *testing.T) {
	asked, err := url.ParseQuery("q=+a%26b&kind=login&kind=logout&from=&to=2026-11-21&before=7&other=1")
	must(t, err)
	if got, want := auditURL("/admin/audit", auditFilter(asked), 9), "/admin/audit?before=9&kind=login&kind=logout&q=+a%26b&to=2026-11-21"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
