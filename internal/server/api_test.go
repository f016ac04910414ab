package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// program is a client of the API. Every answer it gets is held against the
// OpenAPI document.
type program struct {
	*client
	t *testing.T
	d *document
}

func (c *client) program(t *testing.T) program { return program{c, t, openAPIDocument(t)} }

// answered is an answer of the API.
type answered struct {
	*httptest.ResponseRecorder
	t    *testing.T
	body map[string]any
}

// send sends body, JSON, or nothing if it is empty.
func (p program) send(method, target, body string) answered {
	p.t.Helper()
	c := *p.client
	c.header = maps.Clone(c.header)
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
		if c.header.Get("Content-Type") == "" {
			c.header.Set("Content-Type", "application/json")
		}
	}
	r := c.do(method, target, in)
	path, _, _ := strings.Cut(target, "?")
	op, ok := p.d.find(method, path)
	if !ok {
		p.t.Fatalf("%s %s is not in the document", method, path)
	}
	if err := p.d.check(op, r.Code, r.Header().Get("Content-Type"), r.Body.Bytes()); err != nil {
		p.t.Errorf("%s %s: %v\n%s", method, target, err, r.Body)
	}
	if r.Header().Get("Cache-Control") != "no-store" {
		p.t.Errorf("%s %s: Cache-Control %q", method, target, r.Header().Get("Cache-Control"))
	}
	a := answered{r, p.t, map[string]any{}}
	must(p.t, json.Unmarshal(r.Body.Bytes(), &a.body))
	if got := fmt.Sprint(a.body["status"]); r.Code >= 400 && (got != fmt.Sprint(r.Code) || a.body["instance"] != r.Header().Get("X-Request-Id")) {
		p.t.Errorf("%s %s: problem %v of request %v in an answer %d", method, target, got, a.body["instance"], r.Code)
	}
	return a
}

func (p program) get(target string) answered { p.t.Helper(); return p.send("GET", target, "") }

// want checks status and members.
func (a answered) want(status int, members ...any) answered {
	a.t.Helper()
	if a.Code != status {
		a.t.Errorf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	for i := 0; i < len(members); i += 2 {
		if got := a.body[members[i].(string)]; fmt.Sprint(got) != fmt.Sprint(members[i+1]) {
			a.t.Errorf("%s is %v, want %v: %s", members[i], got, members[i+1], a.Body)
		}
	}
	return a
}

// problem checks status, type and the codes of the errors.
func (a answered) problem(status int, name string, codes ...string) answered {
	a.t.Helper()
	a.want(status, "type", "/problems/"+name)
	var got []string
	list, _ := a.body["errors"].([]any)
	for _, one := range list {
		one := one.(map[string]any)
		at := one["pointer"]
		if one["parameter"] != nil {
			at = "?" + one["parameter"].(string)
		}
		got = append(got, fmt.Sprint(at, " ", one["code"]))
	}
	if !slices.Equal(got, codes) {
		a.t.Errorf("errors %q, want %q: %s", got, codes, a.Body)
	}
	return a
}

// ids returns the ids of the sessions in a list.
func (a answered) ids() (ids []string) {
	list, _ := a.body["sessions"].([]any)
	for _, one := range list {
		ids = append(ids, one.(map[string]any)["id"].(string))
	}
	return ids
}

func credentials(name string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, name, goodPassword)
}

// Every operation once, as its user would: each answer is as described.
func TestAPIEveryOperationAnswersAsDescribed(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	d := openAPIDocument(t)
	client := func() program { return program{w.client(), t, d} }

	alice := client()
	alice.get("/api/v1/me").problem(401, "unauthorized")
	alice.send("POST", "/api/v1/signup", `{"username":"Alice","password":"`+goodPassword+`","email":"a@example.com","name":"앨리스"}`).
		want(201, "username", "alice", "name", "앨리스", "role", "user")
	if len(alice.cookies) != 0 {
		t.Error("a sign-up starts a session")
	}
	in := alice.send("POST", "/api/v1/login", `{"username":"A@Example.com","password":"`+goodPassword+`","carrier":"cookie","remember":true}`).
		want(200, "username", "alice", "role", "user")
	if in.body["session_id"] != string(alice.session()) {
		t.Errorf("session %v, the cookie opens %s", in.body["session_id"], alice.session())
	}
	if cookie := alice.cookies["__Host-session"]; cookie.MaxAge <= 0 {
		t.Error("remember is not granted")
	}
	alice.get("/api/v1/me").want(200, "username", "alice", "name", "앨리스", "role", "user", "session_id", alice.session())

	other := client()
	other.send("POST", "/api/v1/login", credentials("alice")).want(200)
	third := client()
	third.send("POST", "/api/v1/login", credentials("alice")).want(200)
	list := alice.get("/api/v1/sessions").want(200, "total", 3, "users", 1, "next", nil)
	if len(list.ids()) != 3 || strings.Count(list.Body.String(), `"current":true`) != 1 {
		t.Errorf("my sessions: %s", list.Body)
	}
	alice.send("DELETE", "/api/v1/sessions/"+string(other.session()), "").want(200, "ended", 1, "already_gone", 0, "users", 1)
	other.get("/api/v1/me").problem(401, "session-ended").want(401, "reason", "logout")
	if other.cookies["__Host-session"] != nil {
		t.Error("the cookie of an ended session stays")
	}
	alice.send("DELETE", "/api/v1/sessions/"+string(session.IDOf("never given out")), "").problem(404, "not-found")
	alice.send("POST", "/api/v1/sessions/end-others", "").want(200, "ended", 1)
	alice.send("POST", "/api/v1/sessions/end-others", "{}").want(200, "ended", 0)
	third.get("/api/v1/me").problem(401, "session-ended")

	next := "another good password 7"
	before := *alice.cookies["__Host-session"]
	alice.send("POST", "/api/v1/password", `{"current":"wrong","password":"`+next+`"}`).problem(422, "invalid", "#/current current_wrong")
	changed := alice.send("POST", "/api/v1/password", `{"current":"`+goodPassword+`","password":"`+next+`"}`).want(200, "ended", 0)
	if changed.body["session_id"] != string(alice.session()) || before.Value == alice.cookies["__Host-session"].Value {
		t.Error("the session goes on under its old token")
	}
	stale := client()
	stale.cookies["__Host-session"] = &before
	stale.get("/api/v1/me").problem(401, "session-ended").want(401, "reason", "replaced")
	alice.send("POST", "/api/v1/login", credentials("alice")).problem(401, "credentials")
	alice.get("/api/v1/me").want(200)

	root := client()
	root.send("POST", "/api/v1/login", credentials("root1")).want(200, "role", "admin")
	root.get("/api/v1/admin/users?q=ali").want(200, "total", 1, "next", nil)
	root.get("/api/v1/admin/sessions?role=user").want(200, "total", 1, "users", 1)
	root.send("POST", "/api/v1/admin/users/alice/end-sessions", `{"reason":"lost phone"}`).want(200, "ended", 1, "users", 1)
	alice.get("/api/v1/me").problem(401, "session-ended").want(401, "reason", "forced")
	login := `{"username":"alice","password":"` + next + `"}`
	alice.send("POST", "/api/v1/login", login).want(200)
	root.send("DELETE", "/api/v1/admin/sessions/"+string(alice.session()), "").want(200, "ended", 1, "already_gone", 0)
	alice.send("POST", "/api/v1/login", login).want(200)
	root.send("POST", "/api/v1/admin/sessions/end", `{"user":"alice","dry_run":true}`).want(200, "ended", 1, "users", 1, "dry_run", true)
	alice.get("/api/v1/me").want(200)
	root.send("POST", "/api/v1/admin/sessions/end", `{"user":"alice","reason":"stolen"}`).want(200, "ended", 1, "already_gone", 0, "users", 1)
	alice.get("/api/v1/me").problem(401, "session-ended")
	alice.send("POST", "/api/v1/login", login).want(200)
	root.send("POST", "/api/v1/admin/users/alice/role", `{"role":"admin"}`).want(200, "role", "admin", "ended", 1)
	root.send("POST", "/api/v1/admin/users/alice/disable", `{"reason":"left"}`).want(200, "username", "alice", "ended", 0)
	alice.send("POST", "/api/v1/login", login).problem(401, "credentials")
	root.send("POST", "/api/v1/admin/users/alice/enable", "").want(200, "disabled_at", nil)
	log := root.get("/api/v1/admin/audit?q=alice&limit=200").want(200, "next", nil)
	for _, what := range []string{`"reason":"lost phone"`, `"reason":"stolen"`, `"kind":"disabled"`, `"kind":"role"`, `"by":"other"`, `"actor":"root1"`, `"from":"user","to":"admin"`} {
		if !strings.Contains(log.Body.String(), what) {
			t.Errorf("the audit log does not have %s", what)
		}
	}
	alice.get("/api/v1/openapi.json").want(200)
	root.send("POST", "/api/v1/logout", "").want(200, "ended", 1, "already_gone", 0)
	if root.cookies["__Host-session"] != nil {
		t.Error("the cookie stays after a log-out")
	}
	root.send("POST", "/api/v1/logout", "{}").want(200, "ended", 0) // harmless again

	script := client()
	given := script.send("POST", "/api/v1/login", `{"username":"root1","password":"`+goodPassword+`","carrier":"bearer","client":"script"}`).want(200)
	given = script.send("POST", "/api/v1/refresh", fmt.Sprintf(`{"refresh_token":%q}`, given.body["refresh_token"])).want(200)
	reports := w.service(t, "reports")
	reports.d = d
	if access := given.body["access_token"].(string); reports.asks(access)["active"] != true {
		t.Error("the access token does not count")
	}
	reports.revokes(given.body["refresh_token"].(string))

	full := limitedWorld(t, 1, Choose)
	full.account("alice", user.RoleUser)
	full.in("alice", 1)
	late := program{full.client(), t, d}
	full.clock.advance(time.Minute)
	asked := late.send("POST", "/api/v1/login", credentials("alice")).problem(409, "session-limit")
	late.send("POST", "/api/v1/login/choose", fmt.Sprintf(`{"ticket":%q,"end":[%q]}`, asked.body["ticket"], asked.ids()[0])).want(200)

	for _, operations := range d.Paths {
		for _, op := range operations {
			for status := range op.Responses {
				if status < "300" && !d.seen[op.OperationID+" "+status] {
					t.Errorf("%s never answered %s", op.OperationID, status)
				}
			}
		}
	}
}

// Whoever puts out everyone is out, too, and still gets the receipt.
func TestAPIAdministratorEndsOwnSessionToo(t *testing.T) {
	for _, end := range []func(root program) answered{
		func(root program) answered {
			return root.send("POST", "/api/v1/admin/sessions/end", `{"all":true,"reason":"breach"}`).want(200, "ended", 3, "users", 2)
		},
		func(root program) answered {
			return root.send("POST", "/api/v1/admin/sessions/end", `{"role":"admin"}`).want(200, "ended", 1, "users", 1)
		},
		func(root program) answered {
			return root.send("POST", "/api/v1/admin/sessions/end", `{"ip":"192.0.2.0/24"}`).want(200, "ended", 3, "users", 2)
		},
		func(root program) answered {
			return root.send("POST", "/api/v1/admin/sessions/end", `{"id":"`+string(root.session())+`"}`).want(200, "ended", 1, "users", 1)
		},
		func(root program) answered {
			return root.send("DELETE", "/api/v1/admin/sessions/"+string(root.session()), "").want(200, "ended", 1)
		},
		func(root program) answered {
			return root.send("POST", "/api/v1/admin/users/root1/end-sessions", "").want(200, "ended", 1)
		},
	} {
		w := newWorld(t)
		w.account("root1", user.RoleAdmin)
		w.account("alice", user.RoleUser)
		root := w.loggedIn("root1").program(t)
		w.in("alice", 2)
		copied := w.client().program(t)
		copied.cookies["__Host-session"] = root.cookies["__Host-session"]
		end(root)
		if root.cookies["__Host-session"] != nil {
			t.Error("the cookie stays")
		}
		copied.get("/api/v1/me").problem(401, "session-ended").want(401, "reason", "forced")
	}
}

func TestAPIEndByFilter(t *testing.T) {
	w, admin, alice, bob := staff(t)
	root := admin.program(t)
	const end = "/api/v1/admin/sessions/end"
	id := string(alice[0].session())
	for body, want := range map[string][]string{
		`{}`:                          {"no-filter"},
		``:                            {"no-filter"},
		`{"all":false}`:               {"no-filter"},
		`{"reason":"x"}`:              {"no-filter"},
		`{"all":true,"role":"user"}`:  {"filter-mix"},
		`{"id":"` + id + `","q":"a"}`: {"filter-mix"},
		`{"all":true,"id":"` + id + `","dry_run":true}`: {"filter-mix"},
		`{"id":"x"}`:        {"invalid", "#/id filter_ids_wrong"},
		`{"user":"nobody"}`: {"invalid", "#/user filter_user_wrong"},
		`{"role":"owner","ip":"1.2.3","older":"soon"}`: {"invalid", "#/ip filter_ip_wrong", "#/older filter_older_wrong", "#/role filter_role_wrong"},
		`{"user":"","role":"user"}`:                    {"invalid", "#/user json_empty"},
		`{"role":"user","ip":" "}`:                     {"invalid", "#/ip json_empty"},
		`{"usr":"alice"}`:                              {"invalid", "#/usr json_unknown"},
		`{"user":null}`:                                {"invalid", "#/user json_string"},
		`{"all":"yes"}`:                                {"invalid", "#/all json_bool"},
		`{"all":true,"reason":"` + strings.Repeat("가", 201) + `"}`: {"invalid", "#/reason json_long"},
	} {
		root.send("POST", end, body).problem(422, want[0], want[1:]...)
	}
	wantIn(t, admin, alice[0], alice[1], bob[0], bob[1])
	dry := root.send("POST", end, `{"role":"user","older":"30s","dry_run":true}`).want(200, "ended", 4, "already_gone", 0, "users", 2, "dry_run", true)
	wantIn(t, alice[0], alice[1], bob[0], bob[1])
	done := root.send("POST", end, `{"role":"user","older":"30s","reason":"`+strings.Repeat("가", 200)+`"}`).want(200, "ended", dry.body["ended"], "already_gone", 0, "users", 2)
	if done.body["took_ms"].(float64) < 0 || done.body["dry_run"] != nil {
		t.Errorf("receipt %s", done.Body)
	}
	wantOut(t, alice[0], alice[1], bob[0], bob[1])
	root.send("POST", end, `{"id":"`+id+`"}`).want(200, "ended", 0, "already_gone", 1)
	root.send("POST", end, `{"id":"`+id+`","dry_run":true}`).want(200, "ended", 0, "already_gone", 1)
	root.send("DELETE", "/api/v1/admin/sessions/"+id, "").want(200, "ended", 0, "already_gone", 1)
	events, _, err := w.Audit.Search(context.Background(), audit.Query{Text: "alice", Kinds: []audit.Kind{audit.SessionsEnded}})
	must(t, err)
	if len(events) != 1 || len([]rune(events[0].Note)) != 200 || events[0].ActorName != "root1" {
		t.Errorf("audit: %+v", events)
	}
}

func TestAPIAtTheLimit(t *testing.T) {
	w := limitedWorld(t, 2, Choose)
	w.account("alice", user.RoleUser)
	w.account("mallory", user.RoleUser)
	foreign := w.loggedIn("mallory")
	old := w.in("alice", 2)
	late := w.client().program(t)
	ask := func() answered {
		w.clock.advance(time.Minute)
		a := late.send("POST", "/api/v1/login", credentials("alice")).problem(409, "session-limit").want(409, "limit", 2)
		if len(a.ids()) != 2 || slices.Contains(a.ids(), string(foreign.session())) || late.cookies["__Host-session"] != nil {
			t.Errorf("asked with %s", a.Body)
		}
		return a
	}
	choose := func(ticket any, end ...string) answered {
		w.clock.advance(25 * time.Second) // a ticket lasts two minutes
		body, err := json.Marshal(map[string]any{"ticket": ticket, "end": append([]string{}, end...)})
		must(t, err)
		return late.send("POST", "/api/v1/login/choose", string(body))
	}
	first := ask().body["ticket"]
	choose("forged", string(old[0].session())).problem(409, "ticket")
	choose(first, "x").problem(422, "invalid", "#/end/0 session_id_wrong")
	again := choose(ask().body["ticket"]).problem(409, "session-limit") // nothing chosen
	again = choose(again.body["ticket"], string(foreign.session())).problem(409, "session-limit")
	foreign.isIn(t)
	old[0].isIn(t)
	old[1].isIn(t)
	choose(again.body["ticket"], string(old[1].session())).want(200, "username", "alice", "session_id", late.session())
	old[0].isIn(t)
	old[1].isOut(t, session.Replaced)
	choose(again.body["ticket"], string(old[0].session())).problem(409, "ticket") // once
	old[0].isIn(t)

	w = limitedWorld(t, 1, Deny)
	w.account("alice", user.RoleUser)
	w.in("alice", 1)
	late = w.client().program(t)
	w.clock.advance(time.Minute)
	if a := late.send("POST", "/api/v1/login", credentials("alice")).problem(409, "session-limit"); a.body["ticket"] != nil || a.body["sessions"] != nil {
		t.Errorf("a way on where there is none: %s", a.Body)
	}
	w = limitedWorld(t, 1, ReplaceOldest)
	w.account("alice", user.RoleUser)
	before := w.in("alice", 1)[0]
	w.clock.advance(time.Minute)
	w.client().program(t).send("POST", "/api/v1/login", credentials("alice")).want(200)
	before.isOut(t, session.Replaced)
}

func TestAPIProblems(t *testing.T) {
	closed := newWorld(t, func(c *Config) { c.SignUp = false })
	closed.client().program(t).send("POST", "/api/v1/signup", credentials("alice")).problem(403, "signup-closed")

	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	p := w.client().program(t)
	p.header.Set("Accept-Language", "ko")
	p.send("POST", "/api/v1/signup", `{"username":"a","password":"short","email":"none"}`).
		problem(422, "invalid", "#/email email_invalid", "#/password password_short", "#/username username_short").
		want(422, "title", "올바르지 않은 입력이 있습니다")
	p.header.Set("Accept-Language", "en")
	p.send("POST", "/api/v1/signup", credentials("root1")).problem(422, "invalid", "#/username username_taken")
	p.send("POST", "/api/v1/login", `{"username":"","password":""}`).problem(422, "invalid", "#/password password_required", "#/username username_required")
	p.send("POST", "/api/v1/login", `{"username":"root1","password":"`+goodPassword+`","carrier":"pigeon"}`).problem(422, "invalid", "#/carrier carrier_wrong")
	p.send("POST", "/api/v1/login", credentials("root1")).want(200)
	p.send("POST", "/api/v1/admin/users/root1/disable", "").problem(409, "self")
	p.send("POST", "/api/v1/admin/users/nobody/disable", "").problem(404, "not-found")
	p.send("POST", "/api/v1/admin/users/%00/enable", "").problem(404, "not-found")
	p.send("POST", "/api/v1/admin/users/root1/role", `{"role":"owner"}`).problem(422, "invalid", "#/role role_wrong")
	p.send("POST", "/api/v1/admin/users/root1/role", ``).problem(415, "media-type")

	// Outside of the document: what is nowhere, and the wrong method.
	for target, want := range map[string]string{"GET /api/v1/nothing": "404 ", "GET /api/nothing": "404 ", "POST /api/v2/login": "404 ",
		"PUT /api/v1/me": "405 GET HEAD", "GET /api/v1/login": "405 POST", "POST /api/v1/admin/sessions": "405 GET HEAD", "DELETE /api/v1/openapi.json": "405 GET HEAD"} {
		method, path, _ := strings.Cut(target, " ")
		r := p.do(method, path, nil)
		if got := fmt.Sprint(r.Code, " ", strings.Join(r.Header().Values("Allow"), " ")); got != want || r.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s (%s), want %s", target, got, r.Header().Get("Content-Type"), want)
		}
		var v any
		must(t, json.Unmarshal(r.Body.Bytes(), &v))
		if err := p.d.fits(map[string]any{"$ref": "#/components/schemas/Problem"}, v, target); err != nil {
			t.Error(err)
		}
	}
	if r := p.do("HEAD", "/api/v1/me", nil); r.Code != 200 {
		t.Errorf("HEAD: %d", r.Code)
	}
	// A page has its methods, too.
	if r := p.do("DELETE", "/mypage/password", nil); strings.Join(r.Header().Values("Allow"), " ") != "GET HEAD POST" {
		t.Errorf("Allow %q", r.Header().Values("Allow"))
	}
}

// A store that is away is 503 with Retry-After, and no word on the session.
func TestAPII6_StoreAway(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	p := w.loggedIn("alice").program(t)
	sessions := session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now)
	w.Server.Sessions, w.cookies = sessions, session.NewCookies(sessions, "__Host-session", true)
	a := p.get("/api/v1/me").problem(503, "unavailable")
	if a.Header().Get("Retry-After") == "" || p.cookies["__Host-session"] == nil {
		t.Error("no Retry-After, or the cookie is gone")
	}
	for _, change := range []answered{
		p.send("POST", "/api/v1/logout", ""), // nobody is told "logged out" who is not
		p.send("DELETE", "/api/v1/sessions/"+string(p.session()), ""),
		p.send("POST", "/api/v1/sessions/end-others", ""),
		p.send("POST", "/api/v1/login", credentials("alice")),
	} {
		change.problem(503, "unavailable")
	}
	w.client().program(t).get("/api/v1/me").problem(401, "unauthorized") // without a cookie no store is asked
}

// Nothing that the API answers, or that is logged of it, opens anything.
func TestAPIHoldsNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	p := w.client().program(t)
	var all strings.Builder
	for _, send := range []func() answered{
		func() answered { return p.send("POST", "/api/v1/login", credentials("root1")) },
		func() answered { return p.get("/api/v1/me") },
		func() answered { return p.get("/api/v1/sessions") },
		func() answered { return p.get("/api/v1/admin/sessions") },
		func() answered { return p.get("/api/v1/admin/users") },
		func() answered { return p.get("/api/v1/admin/audit") },
	} {
		all.WriteString(send().want(200).Body.String())
	}
	all.WriteString(w.log.String())
	for name, secret := range map[string]string{
		"token": p.cookies["__Host-session"].Value, "device": p.cookies["__Host-device"].Value, "hash": "$argon2id$", "password": goodPassword,
	} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("the %s is in an answer or in the log", name)
		}
	}
}
