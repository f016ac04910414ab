package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// holder is a program that holds tokens. It shows its access token with every
// request.
type holder struct {
	program
	access, refresh string
	id              session.ID
}

// holder logs in for tokens.
func (w *world) holder(t *testing.T, name string) *holder {
	t.Helper()
	must(t, w.Keyring.Reload(context.Background())) // as its Run does, by another clock than the test's
	h := &holder{program: w.client().program(t)}
	h.keep(h.send("POST", "/api/v1/login", bearerLogin(name)))
	return h
}

func bearerLogin(name string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q,"carrier":"bearer","client":"Backup job"}`, name, goodPassword)
}

// keep takes the tokens of an answer, which has to set no cookie.
func (h *holder) keep(a answered) {
	h.t.Helper()
	a.want(200, "token_type", "Bearer", "expires_in", 60)
	if len(a.Result().Cookies()) != 0 || len(h.cookies) != 0 {
		h.t.Errorf("a cookie beside tokens: %v", a.Result().Cookies())
	}
	h.access, _ = a.body["access_token"].(string)
	h.refresh, _ = a.body["refresh_token"].(string)
	id, _ := a.body["session_id"].(string)
	h.id = session.ID(id)
	h.show(h.access)
}

// show sets what the program shows from now on.
func (h *holder) show(access string) { h.header.Set("Authorization", "Bearer "+access) }

// spend sends a refresh token and keeps nothing.
func (h *holder) spend(refresh string) answered {
	h.t.Helper()
	return h.send("POST", "/api/v1/refresh", fmt.Sprintf(`{"refresh_token":%q}`, refresh))
}

func (h *holder) isIn() { h.t.Helper(); h.get("/api/v1/me").want(200, "session_id", h.id) }

// isOut checks that neither token is worth anything.
func (h *holder) isOut(what string, why session.Reason) {
	h.t.Helper()
	a := h.get("/api/v1/me").problem(401, "session-ended").want(401, "reason", why)
	if got := a.Header().Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
		h.t.Errorf("%s: WWW-Authenticate %q", what, got)
	}
	h.spend(h.refresh).problem(401, "session-ended").want(401, "reason", why)
	if h.t.Failed() {
		h.t.Fatal(what)
	}
}

func TestBearerLogInAndRefresh(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	h.get("/api/v1/me").want(200, "username", "alice", "role", "user", "session_id", h.id)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(h.access, ".")[1])
	must(t, err)
	if strings.Contains(string(payload), `"alice"`) { // a random id may have these letters, but no quotation mark
		t.Errorf("something personal in the access token: %s", payload)
	}
	list := h.get("/api/v1/sessions").want(200, "total", 1)
	if !strings.Contains(list.Body.String(), `"current":true,"carrier":"bearer","client":"Backup job"`) {
		t.Errorf("the list: %s", list.Body)
	}
	old := *h
	h.keep(h.spend(h.refresh))
	if h.access == old.access || h.refresh == old.refresh || h.id != old.id {
		t.Error("a refresh brings the same tokens, or another session")
	}
	h.isIn()
	h.show(old.access) // until it expires; the session is the same
	h.isIn()
	w.clock.advance(time.Minute)
	h.get("/api/v1/me").problem(401, "access-token")
	must(t, w.Keyring.Reload(t.Context()))
	h.keep(h.spend(h.refresh))
	h.isIn()
	h.send("POST", "/api/v1/logout", "").want(200, "ended", 1)
	h.isOut("logout", session.Logout)
	h.send("POST", "/api/v1/logout", "").want(200, "ended", 0, "already_gone", 1) // harmless again
}

// Whatever ends the session, its access token is refused from then on, although
// it has not expired, and its refresh token too.
func TestBearerI10_EveryEndReachesTheTokens(t *testing.T) {
	for what, end := range map[string]struct {
		why session.Reason
		by  func(w *world, h *holder, root, browser *client)
	}{
		"log-out": {session.Logout, func(_ *world, h *holder, _, _ *client) { h.send("POST", "/api/v1/logout", "").want(200, "ended", 1) }},
		"its own end": {session.Logout, func(_ *world, h *holder, _, _ *client) {
			h.send("DELETE", "/api/v1/sessions/"+string(h.id), "").want(200)
		}},
		"/mypage":                {session.Logout, func(_ *world, h *holder, _, b *client) { b.post("/mypage/sessions/" + string(h.id) + "/end") }},
		"/mypage, others":        {session.Logout, func(_ *world, _ *holder, _, b *client) { b.post("/mypage/sessions/end-others") }},
		"an administrator":       {session.Forced, func(_ *world, h *holder, root, _ *client) { root.post("/admin/sessions/" + string(h.id) + "/end") }},
		"an administrator, user": {session.Forced, func(_ *world, _ *holder, root, _ *client) { root.post("/admin/users/alice/end-sessions") }},
		"a filter":               {session.Forced, func(_ *world, _ *holder, root, _ *client) { root.post("/admin/sessions/end", "carrier", "bearer") }},
		"everyone": {session.Forced, func(_ *world, h *holder, root, _ *client) {
			root.program(h.t).send("POST", "/api/v1/admin/sessions/end", `{"all":true}`).want(200)
		}},
		"role": {session.Forced, func(_ *world, _ *holder, root, _ *client) { root.post("/admin/users/alice/role", "role", "admin") }},
		"disabled": {session.Disabled, func(_ *world, _ *holder, root, _ *client) {
			root.post("/admin/users/alice/disable")
		}},
		"password": {session.Password, func(_ *world, _ *holder, _, b *client) {
			b.post("/mypage/password", "current", goodPassword, "password", "another good password 7")
		}},
		"a log-in in its place": {session.Replaced, func(_ *world, h *holder, _, _ *client) {
			h.send("POST", "/api/v1/login", bearerLogin("alice")).want(200)
		}},
		"reuse": {session.Reuse, func(w *world, h *holder, _, _ *client) {
			spent := h.refresh
			h.keep(h.spend(spent))
			h.keep(h.spend(h.refresh))
			h.spend(spent).problem(401, "session-ended").want(401, "reason", "reuse")
		}},
		"expired": {session.Expired, func(w *world, _ *holder, _, _ *client) { w.clock.advance(40 * time.Second) }},
	} {
		w := newWorld(t)
		if end.why == session.Expired {
			w.idleAfter(t, 30*time.Second)
		}
		w.account("alice", user.RoleUser)
		w.account("root1", user.RoleAdmin)
		root, browser := w.loggedIn("root1"), w.loggedIn("alice")
		h := w.holder(t, "alice")
		h.isIn()
		end.by(w, h, root, browser)
		h.isOut(what, end.why)
	}
}

// idleAfter makes sessions end when unseen for that long.
func (w *world) idleAfter(t *testing.T, idle time.Duration) {
	t.Helper()
	c := w.Config
	limits := c.Sessions.Limits()
	limits.Idle = idle
	c.Sessions = session.NewManager(w.db.Sessions(), w.db.Ledger(), limits, w.clock.Now, session.WithRefreshKey(refreshKey))
	var err error
	w.Server, err = New(c)
	must(t, err)
}

// A request by token moves the idle deadline, as one by cookie does, and never
// the absolute one.
func TestBearerI8_UseKeepsTheSession(t *testing.T) {
	w := newWorld(t)
	w.idleAfter(t, 30*time.Second)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	began, err := w.Sessions.Check(t.Context(), h.id)
	must(t, err)
	for range 2 {
		w.clock.advance(20 * time.Second)
		h.isIn()
	}
	now, err := w.Sessions.Check(t.Context(), h.id)
	must(t, err)
	if want := w.clock.Now().Truncate(time.Millisecond); !now.LastSeen.Equal(want) || !now.Deadline.Equal(began.Deadline) {
		t.Errorf("seen %v, want %v; deadline %v, then %v", now.LastSeen, want, began.Deadline, now.Deadline)
	}
	w.clock.advance(15 * time.Second)
	h.isIn()
	w.clock.advance(20 * time.Second) // the token has expired by now, and the session has not
	must(t, w.Keyring.Reload(t.Context()))
	h.keep(h.spend(h.refresh))
	w.clock.advance(31 * time.Second)
	var ended *session.EndedError
	if err := w.Sessions.EnterBearer(h.id, began.User, &session.Visit{Context: t.Context()}); !errors.As(err, &ended) { // before anything is done for it
		t.Errorf("loaded past its deadline: %v", err)
	}
	h.isOut("unused", session.Expired)
}

// A new password: this session goes on by new tokens, and nothing else does.
func TestBearerI9_PasswordChange(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h, other, browser := w.holder(t, "alice"), w.holder(t, "alice"), w.loggedIn("alice")
	old := *h
	h.send("POST", "/api/v1/password", `{"current":"wrong","password":"another good password 7"}`).problem(422, "invalid", "#/current current_wrong")
	h.isIn()
	h.keep(h.send("POST", "/api/v1/password", `{"current":"`+goodPassword+`","password":"another good password 7"}`).want(200, "ended", 2))
	h.isIn()
	if h.id == old.id {
		t.Error("the session goes on under its old id")
	}
	stale := w.client().program(t)
	stale.header.Set("Authorization", "Bearer "+old.access)
	stale.get("/api/v1/me").problem(401, "session-ended").want(401, "reason", "replaced")
	h.spend(old.refresh).problem(401, "session-ended").want(401, "reason", "replaced")
	other.isOut("the other program", session.Password)
	browser.isOut(t, session.Password)
	h.keep(h.spend(h.refresh))
	h.isIn()
}

// Without keys to sign by nothing is spent for tokens that cannot be made.
func TestBearerI6_NoKeysSpendNothing(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	w.clock.advance(2 * time.Minute) // in which the list of keys could not be read
	h.spend(h.refresh).problem(503, "unavailable")
	w.client().program(t).send("POST", "/api/v1/login", bearerLogin("alice")).problem(503, "unavailable")
	w.clock.advance(time.Hour / 2) // past every grace
	must(t, w.Keyring.Reload(t.Context()))
	h.keep(h.spend(h.refresh))
	h.isIn()
	if n := len(must1(w.Sessions.List(t.Context(), must1(w.Sessions.Check(t.Context(), h.id)).User))); n != 1 {
		t.Errorf("%d sessions, want the one", n)
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A store that is away is 503 and no word on the session.
func TestBearerI6_StoreAway(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	w.Server.Sessions = session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now, session.WithRefreshKey(refreshKey))
	for _, a := range []answered{h.get("/api/v1/me"), h.spend(h.refresh), h.send("POST", "/api/v1/logout", ""), h.send("POST", "/api/v1/login", bearerLogin("alice"))} {
		a.problem(503, "unavailable")
		if a.Header().Get("Retry-After") == "" || a.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("headers %v", a.Header())
		}
	}
}

// A hundred requests find the access token expired and refresh at once: one
// rotates, all get its successor, nobody is logged out.
func TestBearerParallelRefreshes(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	var mu sync.Mutex
	got := map[string]int{}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			r := httptest.NewRequest("POST", "/api/v1/refresh", strings.NewReader(fmt.Sprintf(`{"refresh_token":%q}`, h.refresh)))
			r.Header.Set("Content-Type", "application/json")
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			var a apiTokens
			err := json.Unmarshal(rec.Body.Bytes(), &a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || rec.Code != 200 {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
			got[a.RefreshToken]++
		})
	}
	all.Wait()
	if len(got) != 1 {
		t.Fatalf("successors: %v", got)
	}
	now, err := w.Sessions.Check(t.Context(), h.id)
	must(t, err)
	if now.Refresh.Generation != 2 {
		t.Errorf("%d rotations, want 1", now.Refresh.Generation-1)
	}
	h.isIn()
	for next := range got {
		h.keep(h.spend(next))
	}
	h.isIn()
}

// An answer is lost, so the token is shown again: whoever does so within the
// grace goes on.
func TestBearerDroppedResponseRetried(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	for i := range 100 {
		lost := h.spend(h.refresh).want(200)
		w.clock.advance(session.RefreshGrace - time.Millisecond)
		must(t, w.Keyring.Reload(t.Context()))
		before := h.refresh
		h.keep(h.spend(h.refresh))
		if h.refresh != lost.body["refresh_token"] || h.refresh == before {
			t.Fatalf("retry %d: another successor than the lost one", i)
		}
		h.isIn()
	}
}

// API sessions are in the lists of people and administrators under the name
// that the client gave itself.
func TestBearerInTheLists(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("root1", user.RoleAdmin)
	browser, root := w.loggedIn("alice"), w.loggedIn("root1")
	p := w.client().program(t)
	p.header.Set("User-Agent", "curl/8.5.0")
	p.send("POST", "/api/v1/login", `{"username":"alice","password":"`+goodPassword+`","carrier":"bearer","client":"<b>Backup\u202e job"}`).want(200)
	for _, page := range []*httptest.ResponseRecorder{browser.get("/mypage"), root.get("/admin/sessions"), root.get("/admin/sessions?carrier=bearer&q=backup")} {
		wantStatus(t, page, http.StatusOK)
		wantText(t, page, `<span>&lt;b&gt;Backup job <span class="badge quiet">API</span></span></span>`)
	}
	wantText(t, browser.get("/mypage"), "<span>curl</span>")
	long := strings.Repeat("가", 61)
	p.send("POST", "/api/v1/login", `{"username":"alice","password":"`+goodPassword+`","carrier":"bearer","client":"`+long+`"}`).problem(422, "invalid", "#/client json_long")
	events, _, err := w.Audit.Search(t.Context(), audit.Query{Kinds: []audit.Kind{audit.Login}})
	must(t, err)
	if d := events[0].Detail; !d.Bearer || d.Client != "<b>Backup job" {
		t.Errorf("the audit log of the log-in: %+v", d)
	}
}

// At the limit a program chooses as a person does. Its ticket is nothing on the
// page, which would lose the tokens.
func TestBearerAtTheLimit(t *testing.T) {
	w := limitedWorld(t, 1, Choose)
	w.account("alice", user.RoleUser)
	old := w.in("alice", 1)[0]
	w.clock.advance(time.Minute)
	must(t, w.Keyring.Reload(t.Context()))
	p := w.client().program(t)
	ask := func() (ticket, end string) {
		a := p.send("POST", "/api/v1/login", bearerLogin("alice")).problem(409, "session-limit")
		return a.body["ticket"].(string), a.ids()[0]
	}
	ticket, end := ask()
	wantStatus(t, w.client().post("/login/choose", "ticket", ticket, "end", end), http.StatusConflict)
	old.isIn(t)
	h := &holder{program: p}
	h.keep(p.send("POST", "/api/v1/login/choose", fmt.Sprintf(`{"ticket":%q,"end":[%q]}`, ticket, end)))
	h.isIn()
	old.isOut(t, session.Replaced)
	if one := must1(w.Sessions.Check(t.Context(), h.id)); one.Client != "Backup job" {
		t.Errorf("client %q", one.Client)
	}
}

// Refreshes are bounded per session, far above what programs need, and what is no
// token of ours per address: a stranger behind the same address, who sends
// inventions or tokens of their own, keeps nobody else from refreshing.
func TestBearerRefreshLimit(t *testing.T) {
	w := limitedWorld(t, 0, Choose)
	w.account("alice", user.RoleUser)
	w.account("mallory", user.RoleUser)
	h, stranger := w.holder(t, "alice"), w.holder(t, "mallory")
	for range 500 {
		stranger.spend("x").problem(401, "refresh-token")
		stranger.spend(stranger.refresh).want(200)
	}
	for _, token := range []string{"x", stranger.refresh} {
		if a := stranger.spend(token).problem(429, "too-many"); a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	h.keep(h.spend(h.refresh))
	h.isIn()
	w.clock.advance(time.Second)
	stranger.keep(stranger.spend(stranger.refresh)) // nobody is logged out by it
	stranger.isIn()
}

// A request is under way when its session ends: nothing of its answer is sent if
// it has anything to write.
func TestBearerI1_AnswerOfAnEndedSessionIsNeverSent(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.idleAfter(t, time.Minute)
	h := w.holder(t, "alice")
	w.clock.advance(10 * time.Second) // a touch is due
	r := httptest.NewRequest("GET", "/api/v1/me", nil)
	r.Header = h.header.Clone()
	rec := httptest.NewRecorder()
	w.begin(w.recover(w.requireUser(w.page(func(rw http.ResponseWriter, r *http.Request) error {
		_, err := w.Sessions.End(r.Context(), []session.ID{me(r).ID}, session.Why{Reason: session.Forced})
		return errors.Join(err, second(io.WriteString(rw, "private")))
	})))).ServeHTTP(rec, r)
	if rec.Code != 401 || strings.Contains(rec.Body.String(), "private") || !strings.Contains(rec.Body.String(), `"reason":"forced"`) || len(rec.Result().Cookies()) != 0 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func second(_ int, err error) error { return err }

func TestJWKS(t *testing.T) {
	w := newWorld(t)
	r := w.client().get("/.well-known/jwks.json")
	wantStatus(t, r, http.StatusOK)
	var set struct{ Keys []map[string]string }
	must(t, json.Unmarshal(r.Body.Bytes(), &set))
	if len(set.Keys) != 1 || set.Keys[0]["crv"] != "Ed25519" || set.Keys[0]["d"] != "" {
		t.Errorf("%s", r.Body)
	}
	if r.Header().Get("Content-Type") != "application/jwk-set+json" || r.Header().Get("Cache-Control") != "public, max-age=60" || r.Header().Values("Vary") != nil {
		t.Errorf("headers %v", r.Header())
	}
	if age := jwksAge + token.ReloadEvery; age > token.Announce {
		t.Errorf("a copy of %v may not know the key that signs, announced %v before", age, token.Announce)
	}
}
