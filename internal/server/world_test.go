package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
	"gatehouse/web"
)

// world is a server on the embedded store, with a clock that tests move and
// passwords that cost little.
type world struct {
	*Server
	t     testing.TB
	clock *clock
	log   *bytes.Buffer
	db    *sqldb.DB
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const publicURL = "http://localhost:8080"

// parties are those of the access tokens.
var parties = token.Parties{Issuer: publicURL, Audience: publicURL}

var refreshKey = [32]byte([]byte("refresh tokens are made by this!"))

// newWorld starts a server; change may adjust its parts before.
func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, filepath.Join(t.TempDir(), "gatehouse.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Migrate(ctx)
	must(t, err)
	hasher, err := user.NewHasher(user.HasherConfig{Params: user.Params{Memory: 64, Time: 1, Threads: 1, SaltLen: 16, KeyLen: 32}})
	must(t, err)
	w := &world{t: t, clock: &clock{now: time.Now()}, log: &bytes.Buffer{}, db: db}
	public, err := url.Parse(publicURL)
	must(t, err)
	limits := session.Limits{Idle: time.Hour, Lifetime: 12 * time.Hour, RememberIdle: 14 * 24 * time.Hour, RememberLifetime: 30 * 24 * time.Hour}
	sessions := session.NewManager(db.Sessions(), db.Ledger(), limits, w.clock.Now, session.WithRefreshKey(refreshKey))
	keys := token.NewKeyring(token.KeyringConfig{Keys: db.SigningKeys(), Alg: token.EdDSA, Rotation: 30 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: w.clock.Now})
	must(t, keys.Start(ctx, db.SigningKeys()))
	issuer, err := token.NewIssuer(keys, parties, time.Minute)
	must(t, err)
	verifier, err := token.NewVerifier(keys, parties, 100)
	must(t, err)
	c := Config{
		PublicURL:  public,
		SignUp:     true,
		CookieName: "__Host-session",
		Secure:     true,
		DeviceKey:  []byte("0123456789abcdef0123456789abcdef"),
		UserStore:  db.Users(),
		Tickets:    db.Tickets(),
		Sessions:   sessions,
		Hub:        session.NewHub(sessions, 100*time.Millisecond),
		Audit:      db.Audit(),
		Limiter:    limit.Off{},
		Issuer:     issuer,
		Verifier:   verifier,
		Keyring:    keys,
		Clients:    db.Clients(),
		Web:        web.Files,
		Ready:      map[string]func(context.Context) error{"database": db.Ping},
		Log:        slog.New(slog.NewTextHandler(w.log, nil)),
		Now:        w.clock.Now,
	}
	for _, f := range change {
		f(&c)
	}
	c.Users = user.NewService(c.UserStore, hasher, c.Policy, w.clock.Now)
	w.Server, err = New(c)
	must(t, err)
	ctx, stop := context.WithCancel(ctx)
	var hub sync.WaitGroup
	hub.Go(func() { c.Hub.Run(ctx, db.Sessions()) })
	t.Cleanup(func() { stop(); hub.Wait() })
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const goodPassword = "correct horse battery 9"

// account makes an account.
func (w *world) account(name string, role user.Role) user.User {
	w.t.Helper()
	u, err := w.Users.Create(context.Background(), user.SignUp{Username: name, Password: goodPassword}, role)
	must(w.t, err)
	return u
}

// client is a browser as far as these tests need one: it keeps cookies and
// follows nothing.
type client struct {
	w       *world
	cookies map[string]*http.Cookie
	header  http.Header
	remote  string
}

func (w *world) client() *client {
	return &client{w: w, cookies: map[string]*http.Cookie{}, header: http.Header{}, remote: "192.0.2.1:4711"}
}

// loggedIn returns a client with a session of name.
func (w *world) loggedIn(name string) *client {
	w.t.Helper()
	c := w.client()
	if r := c.post("/login", "username", name, "password", goodPassword); r.Code != http.StatusSeeOther {
		w.t.Fatalf("log-in of %s: %d", name, r.Code)
	}
	return c
}

// do sends a request with what the client carries.
func (c *client) do(method, target string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	r.Host = "localhost:8080"
	r.RemoteAddr = c.remote
	for name, values := range c.header {
		r.Header[name] = values
	}
	if body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	if target == "/mypage/events" { // goes on until the client goes
		ctx, cancel := context.WithTimeout(r.Context(), 20*time.Millisecond)
		defer cancel()
		r = r.WithContext(ctx)
	}
	rec := httptest.NewRecorder()
	c.w.ServeHTTP(rec, r)
	c.w.Wait()
	for _, cookie := range rec.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie
		}
	}
	return rec
}

func (c *client) get(target string) *httptest.ResponseRecorder { return c.do("GET", target, nil) }

func (c *client) post(target string, fields ...string) *httptest.ResponseRecorder {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return c.do("POST", target, strings.NewReader(v.Encode()))
}

// session returns the id of the client's session.
func (c *client) session() session.ID { return session.IDOf(c.cookies["__Host-session"].Value) }

func wantStatus(t *testing.T, r *httptest.ResponseRecorder, status int) {
	t.Helper()
	if r.Code != status {
		t.Errorf("status %d, want %d (Location %q)", r.Code, status, r.Header().Get("Location"))
	}
}

func wantRedirect(t *testing.T, r *httptest.ResponseRecorder, to string) {
	t.Helper()
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != to {
		t.Errorf("answer %d to %q, want 303 to %q", r.Code, r.Header().Get("Location"), to)
	}
}

func wantText(t *testing.T, r *httptest.ResponseRecorder, text string) {
	t.Helper()
	if !strings.Contains(r.Body.String(), text) {
		t.Errorf("the page does not say %q", text)
	}
}
