package server

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// walk reads a list part by part, doing something between them, and returns what
// it has seen.
func (p program) walk(target, list, member string, limit int, between func(n int)) (seen []string) {
	p.t.Helper()
	next := ""
	for n := 1; ; n++ {
		a := p.get(fmt.Sprintf("%s%climit=%d%s", target, separator(target), limit, next)).want(200)
		rows, _ := a.body[list].([]any)
		if len(rows) > limit || n > 100 {
			p.t.Fatalf("part %d has %d rows", n, len(rows))
		}
		for _, row := range rows {
			seen = append(seen, fmt.Sprint(row.(map[string]any)[member]))
		}
		if a.body["next"] == nil {
			return seen
		}
		if len(rows) != limit {
			p.t.Errorf("part %d has %d rows and is not the last", n, len(rows))
		}
		next = "&cursor=" + url.QueryEscape(a.body["next"].(string))
		between(n)
	}
}

func separator(target string) rune {
	if strings.Contains(target, "?") {
		return '&'
	}
	return '?'
}

func wantOnce(t *testing.T, what string, seen, want []string) {
	t.Helper()
	for _, one := range want {
		if n := len(slices.DeleteFunc(slices.Clone(seen), func(s string) bool { return s != one })); n != 1 {
			t.Errorf("%s: %s is there %d times", what, one, n)
		}
	}
	sorted := slices.Sorted(slices.Values(seen))
	if len(slices.Compact(sorted)) != len(seen) {
		t.Errorf("%s: something is there twice", what)
	}
}

// Between two parts sessions start, end and are used, accounts and events come:
// what was there all the while is seen once.
func TestAPICursorsAreStable(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	root := w.loggedIn("root1").program(t)
	var stay []string
	clients := w.in("alice", 6)
	for range 6 { // begun in the same moment
		clients = append(clients, w.loggedIn("alice"))
	}
	for _, c := range clients[1:] {
		stay = append(stay, string(c.session()))
	}
	w.clock.advance(20 * time.Minute) // from here on each use is a touch
	churn := func(n int) {
		w.loggedIn("alice")
		clients[0].post("/logout")
		w.clock.advance(time.Minute)
		wantStatus(t, clients[1+n%11].get("/mypage"), 200)
	}
	wantOnce(t, "who is in", root.walk("/api/v1/admin/sessions?user=alice", "sessions", "id", 2, churn), stay)
	mine := clients[5].program(t)
	wantOnce(t, "my sessions", mine.walk("/api/v1/sessions", "sessions", "id", 3, churn), stay)
	if all := mine.walk("/api/v1/sessions", "sessions", "id", 200, churn); len(all) < len(stay) {
		t.Errorf("%d sessions in one part", len(all))
	}

	names := []string{"alice", "root1"}
	for i := range 9 {
		names = append(names, w.account(fmt.Sprintf("m%d", i*10+100), user.RoleUser).Username)
	}
	seen := root.walk("/api/v1/admin/users", "users", "username", 2, func(n int) {
		w.account(fmt.Sprintf("aa%d", n), user.RoleUser) // before what was read
		w.account(fmt.Sprintf("m%d", n*10+105), user.RoleUser)
	})
	wantOnce(t, "accounts", seen, names)
	if !slices.IsSorted(seen) {
		t.Errorf("accounts: %v", seen)
	}

	before := root.walk("/api/v1/admin/audit", "events", "seq", 200, func(int) {})
	seen = root.walk("/api/v1/admin/audit", "events", "seq", 5, func(int) { w.loggedIn("alice") })
	wantOnce(t, "audit log", seen, before)
	only := root.walk("/api/v1/admin/audit?kind=login&kind=logout&q=alice", "events", "kind", 3, func(int) {})
	if slices.ContainsFunc(only, func(kind string) bool { return kind != "login" && kind != "logout" }) || len(only) == 0 {
		t.Errorf("kinds: %v", only)
	}
}

func TestAPIQueriesAreReadStrictly(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	root := w.loggedIn("root1").program(t)
	for range 3 {
		w.loggedIn("root1")
	}
	sessions := root.get("/api/v1/sessions?limit=1").body["next"].(string)
	events := root.get("/api/v1/admin/audit?limit=1").body["next"].(string)
	raw := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	id := string(root.session())
	for target, want := range map[string][]string{
		"/api/v1/sessions?limit=0":                                         {"?limit limit_wrong"},
		"/api/v1/sessions?limit=201":                                       {"?limit limit_wrong"},
		"/api/v1/sessions?limit=-1":                                        {"?limit limit_wrong"},
		"/api/v1/sessions?limit=ten":                                       {"?limit limit_wrong"},
		"/api/v1/sessions?limit=":                                          {"?limit limit_wrong"},
		"/api/v1/sessions?limit=1&limit=2":                                 {"?limit query_twice"},
		"/api/v1/sessions?user=root1":                                      {"?user query_unknown"},
		"/api/v1/sessions?a=1&limt=2":                                      {"?a query_unknown", "?limt query_unknown"},
		"/api/v1/sessions?cursor=x":                                        {"?cursor cursor_wrong"},
		"/api/v1/sessions?cursor=" + events:                                {"?cursor cursor_wrong"}, // another list's
		"/api/v1/sessions?cursor=" + sessions + "A":                        {"?cursor cursor_wrong"},
		"/api/v1/sessions?cursor=" + raw("sessions\n1\nx"):                 {"?cursor cursor_wrong"},
		"/api/v1/sessions?cursor=" + raw("sessions\nx\n"+id):               {"?cursor cursor_wrong"},
		"/api/v1/sessions?cursor=" + raw("sessions\n1\n"+id+"\n"):          {"?cursor cursor_wrong"},
		"/api/v1/admin/sessions?cursor=" + raw("users\nroot1"):             {"?cursor cursor_wrong"},
		"/api/v1/admin/sessions?role=owner&ip=1.2.3":                       {"?ip filter_ip_wrong", "?role filter_role_wrong"},
		"/api/v1/admin/sessions?everyone=yes":                              {"?everyone query_unknown"},
		"/api/v1/admin/sessions?ids=" + id:                                 {"?ids query_unknown"},
		"/api/v1/admin/sessions?role=user&role=admin":                      {"?role query_twice"},
		"/api/v1/admin/users?cursor=" + raw("users\n../x"):                 {"?cursor cursor_wrong"},
		"/api/v1/admin/users?cursor=" + raw("users\n\x00"):                 {"?cursor cursor_wrong"},
		"/api/v1/admin/users?page=2":                                       {"?page query_unknown"},
		"/api/v1/admin/audit?cursor=" + raw("audit\n0"):                    {"?cursor cursor_wrong"},
		"/api/v1/admin/audit?cursor=" + raw("audit\n99999999999999999999"): {"?cursor cursor_wrong"},
		"/api/v1/admin/audit?before=3":                                     {"?before query_unknown"},
		"/api/v1/admin/audit?kind=nothing&from=soon&q=1.2.3.4/99":          {"?q audit_network_invalid", "?kind audit_kind_invalid", "?from audit_day_invalid"},
		"/api/v1/admin/audit?from=2026-02-01&to=2026-01-01":                {"?to audit_range_invalid"},
	} {
		root.get(target).problem(422, "invalid", want...)
	}
	root.get("/api/v1/sessions?a=%zz").problem(400, "bad-request")
	root.get("/api/v1/sessions?limit=200").want(200, "total", 4)
	root.get("/api/v1/admin/users?q=%00%ff").want(200)
	root.get("/api/v1/admin/sessions?q=192.0.2.0/24&user=&role=").want(200, "total", 4)
	root.get("/api/v1/admin/sessions?cursor="+raw("sessions\n-9223372036854775808\n"+id)).want(200, "next", nil)
	if n := len(root.get("/api/v1/sessions").ids()); n != 4 {
		t.Errorf("%d sessions by default", n)
	}
}
