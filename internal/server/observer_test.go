package server

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// tally is an observer that counts what it is told.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func (o *tally) add(what ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[strings.TrimSpace(fmt.Sprintln(what...))]++
}

func (o *tally) Answered(route, method string, status int, took time.Duration) {
	if took < 0 {
		status = -1
	}
	o.add("answered", route, method, status)
}
func (o *tally) Checked(carrier session.Carrier, came session.Outcome) {
	o.add("checked", carrier, came)
}
func (o *tally) LoggedIn(carrier session.Carrier, came string) { o.add("log-in", carrier, came) }

// take returns what begins with prefix, and forgets everything.
func (o *tally) take(prefix string) map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := o.seen
	o.seen = map[string]int{}
	maps.DeleteFunc(seen, func(what string, _ int) bool { return !strings.HasPrefix(what, prefix) })
	return seen
}

func observed(t *testing.T, change ...func(*Config)) (*world, *tally) {
	o := &tally{seen: map[string]int{}}
	return newWorld(t, append(change, func(c *Config) { c.Observer = o })...), o
}

// is checks that the observer has heard this much of what begins with prefix.
func (o *tally) is(t *testing.T, prefix string, want ...string) {
	t.Helper()
	expected := map[string]int{}
	for _, one := range want {
		expected[prefix+" "+one]++
	}
	if got := o.take(prefix); !maps.Equal(got, expected) {
		t.Errorf("it was told %v, want %v", got, expected)
	}
}

// Every request is told once, under the pattern of its route, and every route has
// one.
func TestObserverHearsOfEveryRoute(t *testing.T) {
	w, o := observed(t)
	w.account("root1", user.RoleAdmin)
	known := w.Patterns()
	if !slices.Contains(known, "-") || !slices.Contains(known, "/mypage") || !slices.IsSorted(known) {
		t.Errorf("patterns: %q", known)
	}
	walkRoutes(t, w.Server, func(method, pattern string) {
		if !slices.Contains(known, pattern) {
			t.Errorf("%s is not known before", pattern)
		}
		c := w.loggedIn("root1")
		o.take("")
		r := c.do(method, fill(pattern, c.session(), "nobody"), strings.NewReader(""))
		o.is(t, "answered", fmt.Sprint(pattern, " ", method, " ", r.Code))
	})
}

// Whatever strangers send as path, method, host or header, the observer is told
// routes, methods and outcomes that were known before.
func TestObserverHearsNothingMadeUp(t *testing.T) {
	w, o := observed(t)
	w.account("alice", user.RoleUser)
	in := w.loggedIn("alice")
	known := w.Patterns()
	letters := []rune("abc/.%2F{}*:;?#\\ \x00\u202eé한~")
	word := func(most int) string {
		text := make([]rune, rand.N(most))
		for i := range text {
			text[i] = letters[rand.N(len(letters))]
		}
		return string(text)
	}
	bases := append(slices.Clone(known), "/api/v1/", "/static/", "/mypage/sessions/", "/admin/users/", "//", "/../")
	for range 3000 {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{Path: bases[rand.N(len(bases))] + word(12), RawQuery: word(9)}
		r.Method = []string{"GET", "POST", "HEAD", "BREW", "get", "PROPFIND", "OPTIONS", "PUT", word(20)}[rand.N(9)]
		r.Host = word(12)
		r.RemoteAddr = word(12)
		for _, name := range []string{"Authorization", "Cookie", "X-Forwarded-For", "Origin", "Accept", "Content-Type"} {
			if rand.N(3) == 0 {
				r.Header.Set(name, word(30))
			}
		}
		if rand.N(4) == 0 {
			r.Header.Set("Cookie", "__Host-session="+in.cookies["__Host-session"].Value)
		}
		if r.URL.Path == "/mypage/events" {
			continue // it would go on
		}
		w.ServeHTTP(httptest.NewRecorder(), r)
	}
	w.Wait()
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
	routes := map[string]bool{}
	for what := range o.take("answered") {
		rest := strings.TrimPrefix(what, "answered ")
		words := strings.Fields(rest)
		if len(words) != 3 || !slices.Contains(known, words[0]) || !slices.Contains(methods, words[1]) {
			t.Errorf("it was told %q", what)
			continue
		}
		routes[words[0]] = true
	}
	if len(routes) < 5 {
		t.Errorf("only %d routes were reached: this shows nothing", len(routes))
	}
}

func TestObserverHearsWhatChecksComeTo(t *testing.T) {
	w, o := observed(t)
	u := w.account("alice", user.RoleUser)
	c, h := w.loggedIn("alice"), w.holder(t, "alice")
	o.take("")

	w.client().get("/mypage")
	o.is(t, "checked", "cookie none")
	w.client().get("/login")
	o.is(t, "checked", "cookie none")
	w.client().get("/healthz")
	o.is(t, "checked")
	c.get("/mypage")
	o.is(t, "checked", "cookie accepted")
	c.get("/login")
	o.is(t, "checked", "cookie accepted")
	c.do("HEAD", "/mypage/events", nil)
	o.is(t, "checked", "cookie accepted")
	h.isIn()
	o.is(t, "checked", "bearer accepted")
	h.show("nonsense")
	h.get("/api/v1/me")
	o.is(t, "checked", "bearer refused")
	h.show(h.access)

	twin := *c
	twin.cookies = maps.Clone(c.cookies)
	c.post("/logout")
	o.take("")
	twin.get("/mypage")
	o.is(t, "checked", "cookie ended")
	w.clock.advance(13 * time.Hour)
	must(t, w.Keyring.Reload(t.Context()))
	h.show(must2(w.Issuer.Issue(session.Session{ID: h.id, User: u.ID, Role: u.Role, Deadline: w.clock.Now().Add(time.Hour)})))
	h.get("/api/v1/me")
	o.is(t, "checked", "bearer expired")

	away := session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now, session.WithRefreshKey(refreshKey))
	c = w.loggedIn("alice")
	o.take("")
	w.Server.Sessions, w.cookies = away, session.NewCookies(away, w.CookieName, w.Secure)
	wantStatus(t, c.get("/mypage"), http.StatusServiceUnavailable)
	o.is(t, "checked", "cookie unavailable")
	wantStatus(t, c.get("/login"), http.StatusOK)
	o.is(t, "checked", "cookie unavailable")
	h.get("/api/v1/me")
	o.is(t, "checked", "bearer unavailable")
}

func must2[T, U any](v T, _ U, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestObserverHearsWhatLogInsComeTo(t *testing.T) {
	w, o := observed(t)
	w.account("alice", user.RoleUser)
	c := w.client()
	c.post("/login", "username", "alice", "password", goodPassword)
	o.is(t, "log-in", "cookie accepted")
	w.client().post("/login", "username", "alice", "password", "wrong")
	o.is(t, "log-in", "cookie credentials")
	w.client().post("/login", "username", "alice") // nothing was tried
	o.is(t, "log-in")
	w.client().post("/login/choose", "ticket", "made up")
	o.is(t, "log-in", "cookie ticket")
	w.holder(t, "alice")
	o.is(t, "log-in", "bearer accepted")
	w.client().program(t).send("POST", "/api/v1/login", `{"username":"nobody","password":"wrong","carrier":"bearer"}`)
	o.is(t, "log-in", "bearer credentials")

	away := session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now, session.WithRefreshKey(refreshKey))
	w.Server.Sessions, w.cookies = away, session.NewCookies(away, w.CookieName, w.Secure)
	w.client().post("/login", "username", "alice", "password", goodPassword)
	o.is(t, "log-in", "cookie unavailable")
}

// Every kind of error has a place among the outcomes of a log-in.
func TestLogInOutcomes(t *testing.T) {
	all := LogInOutcomes()
	used := map[string]bool{logInOutcome(nil): true, logInOutcome(&tooManyError{}): true, logInOutcome(errors.New("no idea")): true, logInCancelled: true}
	for _, k := range kinds {
		used[logInOutcome(k.is)] = true
	}
	for came := range used {
		if !slices.Contains(all, came) {
			t.Errorf("%q was not known before", came)
		}
	}
	for _, came := range all {
		if !used[came] {
			t.Errorf("nothing comes to %q", came)
		}
	}
	if last := all[len(all)-1]; last != logInFailed {
		t.Errorf("%q stands for any other", last)
	}
}
