package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// A form on another site cannot use the API, however it is sent.
func TestAPIAttackFromAnotherSite(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	for name, header := range map[string]http.Header{
		"another origin":     {"Origin": {"https://evil.example"}},
		"cross-site fetch":   {"Sec-Fetch-Site": {"cross-site"}},
		"same site":          {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil.localhost:8080"}},
		"scheme":             {"Origin": {"https://localhost:8080"}},
		"hidden origin":      {"Origin": {"null"}},
		"plain text form":    {"Content-Type": {"text/plain"}},
		"urlencoded form":    {"Content-Type": {"application/x-www-form-urlencoded"}},
		"json in a charset?": {"Content-Type": {"text/json"}},
	} {
		victim := w.loggedIn("alice").program(t)
		victim.header = header
		a := victim.send("POST", "/api/v1/password", `{"current":"`+goodPassword+`","password":"another good password 7"}`)
		if header.Get("Content-Type") != "" {
			a.problem(415, "media-type")
		} else {
			a.problem(403, "cross-origin")
			victim.send("DELETE", "/api/v1/sessions/"+string(victim.session()), "").problem(403, "cross-origin")
			victim.send("POST", "/api/v1/logout", "").problem(403, "cross-origin")
		}
		victim.header = http.Header{"Origin": {publicURL}}
		if victim.get("/api/v1/me").Code != 200 {
			t.Errorf("%s: the session is gone", name)
		}
	}
	w.client().program(t).send("POST", "/api/v1/login", credentials("alice")).want(200) // the password is the old one
}

// A request is under way when its session is ended: nothing of its answer is
// sent.
func TestAPII1_AnswerOfAnEndedSessionIsNeverSent(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	for name, h := range map[string]handler{
		"ended": func(rw http.ResponseWriter, r *http.Request) error {
			_, err := w.Sessions.End(r.Context(), []session.ID{c.session()}, session.Why{Reason: session.Forced})
			must(t, err)
			w.cookies.Put(r.Context(), "k", "v")
			return reply(rw, http.StatusOK, "something private")
		},
		"away": func(rw http.ResponseWriter, r *http.Request) error {
			_ = reply(rw, http.StatusOK, "something private")
			return errors.Join(errors.New("while reading"), session.ErrUnavailable)
		},
	} {
		c = w.loggedIn("alice")
		r := httptest.NewRequest("GET", "/api/v1/me", nil)
		r.AddCookie(c.cookies["__Host-session"])
		rec := httptest.NewRecorder()
		w.begin(w.recover(w.requireUser(w.page(h)))).ServeHTTP(rec, r)
		cleared := len(rec.Result().Cookies()) > 0
		switch {
		case strings.Contains(rec.Body.String(), "private"):
			t.Errorf("%s: the answer was sent", name)
		case name == "ended" && (rec.Code != 401 || !cleared || !strings.Contains(rec.Body.String(), `"reason":"forced"`)):
			t.Errorf("%s: %d, cleared %t: %s", name, rec.Code, cleared, rec.Body)
		case name == "away" && (rec.Code != 503 || cleared || rec.Header().Get("Retry-After") == ""):
			t.Errorf("%s: %d, cleared %t: %s", name, rec.Code, cleared, rec.Body)
		}
	}
}

// The API has the page's limits: guessing is slowed down for the guesser, and
// who has logged in here before is not held up by it.
func TestAPIAttackGuessing(t *testing.T) {
	w := limitedWorld(t, 0, Choose)
	w.account("alice", user.RoleUser)
	owner := w.client().program(t)
	owner.send("POST", "/api/v1/login", credentials("alice")).want(200)
	if owner.cookies["__Host-device"] == nil {
		t.Fatal("the device is not remembered")
	}
	owner.send("POST", "/api/v1/logout", "")
	guess := `{"username":"alice","password":"guess"}`
	stranger := w.client().program(t)
	var last answered
	for range 10 {
		if last = stranger.send("POST", "/api/v1/login", guess); last.Code != 401 {
			break
		}
	}
	last.problem(429, "too-many")
	if last.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if r := stranger.post("/login", "username", "alice", "password", goodPassword); r.Code != 429 {
		t.Errorf("the page has limits of its own: %d", r.Code)
	}
	owner.send("POST", "/api/v1/login", credentials("alice")).want(200)
	for range 20 {
		if last = stranger.send("POST", "/api/v1/signup", `{"username":"x","password":"x"}`); last.Code == 429 {
			break
		}
	}
	last.problem(429, "too-many")
}

func TestAPIAttackFailedLoginsLookTheSame(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	shut := w.account("bobby", user.RoleUser)
	_, err := w.UserStore.Disable(context.Background(), shut.ID, user.Change{At: w.Now()})
	must(t, err)
	var seen []string
	for _, try := range []string{`"alice","password":"wrong"`, `"nobody","password":"wrong"`, `"bobby","password":"` + goodPassword + `"`, `"no name!","password":"x"`} {
		a := w.client().program(t).send("POST", "/api/v1/login", `{"username":`+try+`}`).problem(401, "credentials")
		seen = append(seen, strings.ReplaceAll(a.Body.String(), a.body["instance"].(string), "ID"))
	}
	if len(slices.Compact(seen)) != 1 {
		t.Errorf("the answers differ: %q", seen)
	}
}

// Nobody ends, or learns of, what is not theirs.
func TestAPIAttackOnOthersSessions(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("mallory", user.RoleUser)
	alice, mallory := w.loggedIn("alice").program(t), w.loggedIn("mallory").program(t)
	living := mallory.send("DELETE", "/api/v1/sessions/"+string(alice.session()), "").problem(404, "not-found")
	gone := w.loggedIn("alice")
	gone.post("/logout")
	never := mallory.send("DELETE", "/api/v1/sessions/"+string(session.IDOf("x")), "").problem(404, "not-found")
	if living.body["detail"] != never.body["detail"] || living.body["title"] != never.body["title"] {
		t.Error("the answers tell which sessions live")
	}
	mallory.send("DELETE", "/api/v1/sessions/x", "").problem(404, "not-found")
	alice.get("/api/v1/me").want(200)
	if list := mallory.get("/api/v1/sessions"); slices.Contains(list.ids(), string(alice.session())) {
		t.Error("the list shows somebody else's session")
	}
	for _, target := range []string{"/api/v1/admin/users", "/api/v1/admin/sessions", "/api/v1/admin/audit"} {
		mallory.get(target).problem(403, "forbidden")
	}
	mallory.send("POST", "/api/v1/admin/sessions/end", `{"all":true}`).problem(403, "forbidden")
	alice.get("/api/v1/me").want(200)
}
