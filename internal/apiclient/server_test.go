package apiclient

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const password = "kettle orbit maple 7"

// server is as much of the API as the client uses, with the rules of its refresh
// tokens: one use; the token before counts for ten seconds more and brings the
// same successor; an older one ends the session.
type server struct {
	*httptest.Server
	lifetime time.Duration // of access tokens
	// rotated, if set, is called when a refresh has been decided and before it is
	// answered; false closes the connection without an answer.
	rotated func(r *http.Request, first bool) bool
	// before, if set, answers a request instead, or says false.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	now      time.Time // it stands still unless a test moves it
	made     int       // things with a number
	sessions []*serverSession
	access   map[string]accessToken
	refresh  map[string]refreshToken
	asked    []string // method and path of every request
}

type serverSession struct {
	id, device string
	remember   bool
	generation int
	current    string // refresh token
	rotatedAt  time.Time
	ended      string // reason; empty: it lives
}

type accessToken struct {
	session *serverSession
	until   time.Time
}

type refreshToken struct {
	session    *serverSession
	generation int
}

func newServer(t *testing.T) *server {
	s := &server{
		lifetime: time.Minute,
		now:      time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		access:   map[string]accessToken{},
		refresh:  map[string]refreshToken{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/login", s.serveLogin)
	mux.HandleFunc("POST /api/v1/refresh", s.serveRefresh)
	mux.HandleFunc("POST /api/v1/logout", s.serveLogout)
	mux.HandleFunc("GET /api/v1/me", s.serveMe)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if s.before == nil || !s.before(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// forget makes the server refuse every access token that it has given.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// count returns how many requests there were of that method and path.
func (s *server) count(what string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.asked {
		if one == what {
			n++
		}
	}
	return n
}

// session returns what is known of the nth session, from 0.
func (s *server) session(n int) serverSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.sessions[n]
}

// number returns a name that was not given before. The caller has the mutex.
func (s *server) number(what string) string {
	s.made++
	return fmt.Sprintf("%s-%d", what, s.made)
}

// give returns the tokens of one. The caller has the mutex.
func (s *server) give(one *serverSession) map[string]any {
	access := s.number("secret-access")
	s.access[access] = accessToken{one, s.now.Add(s.lifetime)}
	return map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(s.lifetime / time.Second),
		"refresh_token": one.current, "session_id": one.id,
	}
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, reason string) {
	p := map[string]any{"type": "/problems/unauthorized", "title": "Log in first", "status": 401, "detail": "Please log in."}
	if reason != "" {
		p["type"], p["reason"], p["detail"] = "/problems/session-ended", reason, "It was ended: "+reason+"."
	}
	send(w, 401, p)
}

func (s *server) serveLogin(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Username, Password, Carrier, Client string
		Remember                            bool
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || b.Carrier != "bearer" || r.Header.Get("Content-Type") != "application/json" {
		send(w, 400, map[string]any{"title": "Not understood"})
		return
	}
	if b.Username != "kim" || b.Password != password {
		send(w, 401, map[string]any{"type": "/problems/credentials", "title": "Wrong", "detail": "The username or password is wrong."})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &serverSession{id: s.number("session"), device: b.Client, remember: b.Remember, generation: 1, current: s.number("secret-refresh"), rotatedAt: s.now}
	s.sessions = append(s.sessions, one)
	s.refresh[one.current] = refreshToken{one, 1}
	send(w, 200, s.give(one))
}

func (s *server) serveRefresh(w http.ResponseWriter, r *http.Request) {
	var b struct {
		RefreshToken string `json:"refresh_token"`
	}
	json.NewDecoder(r.Body).Decode(&b)
	s.mu.Lock()
	shown, known := s.refresh[b.RefreshToken]
	one := shown.session
	first := known && shown.generation == one.generation
	switch {
	case !known || one.ended != "":
		s.mu.Unlock()
		reason := ""
		if known {
			reason = one.ended
		}
		refuse(w, reason)
		return
	case first:
		one.generation++
		one.current, one.rotatedAt = s.number("secret-refresh"), s.now
		s.refresh[one.current] = refreshToken{one, one.generation}
	case shown.generation == one.generation-1 && s.now.Before(one.rotatedAt.Add(10*time.Second)):
	default:
		one.ended = "reuse"
		s.mu.Unlock()
		refuse(w, "reuse")
		return
	}
	given := s.give(one)
	s.mu.Unlock()
	if s.rotated != nil && !s.rotated(r, first) {
		panic(http.ErrAbortHandler)
	}
	send(w, 200, given)
}

// bearer returns the live session of the request, or answers.
func (s *server) bearer(w http.ResponseWriter, r *http.Request) *serverSession {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a, known := s.access[text]
	switch {
	case !ok || !known || !s.now.Before(a.until):
		refuse(w, "")
	case a.session.ended != "":
		refuse(w, a.session.ended)
	default:
		return a.session
	}
	return nil
}

func (s *server) serveLogout(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.bearer(w, r); one != nil {
		one.ended = "logout"
		send(w, 200, map[string]any{"ended": 1, "already_gone": 0})
	}
}

func (s *server) serveMe(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.bearer(w, r); one != nil {
		send(w, 200, map[string]any{"username": "kim", "name": "Kim\x1b[2J \u202eMinji", "role": "user", "session_id": one.id})
	}
}

// client returns a client of s that keeps its log-in in folder.
func (s *server) client(t testing.TB, folder Folder) *Client {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return New(u, folder, transport, "test/0", s.clock)
}

// loggedIn returns a client of s after a log-in.
func (s *server) loggedIn(t testing.TB) *Client {
	t.Helper()
	c := s.client(t, Folder(t.TempDir()+"/gatehouse"))
	c.mustLogIn(t)
	return c
}

func (c *Client) mustLogIn(t testing.TB) {
	t.Helper()
	notEnded, err := c.Login(t.Context(), Credentials{Username: "kim", Password: password, Remember: true, Device: "laptop"})
	if err != nil || notEnded != nil {
		t.Fatal(err, notEnded)
	}
}

// isIn fails the test unless the log-in counts.
func (c *Client) isIn(t testing.TB) Me {
	t.Helper()
	me, err := c.Whoami(t.Context())
	if err != nil || me.Username != "kim" {
		t.Fatalf("%+v, %v", me, err)
	}
	return me
}
