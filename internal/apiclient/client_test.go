package apiclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLogInAndOut(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	me := c.isIn(t)
	if me.SessionID != "session-1" || me.Role != "user" || me.Name != "Kim[2J Minji" {
		t.Errorf("%+v", me)
	}
	if one := s.session(0); one.device != "laptop" || !one.remember {
		t.Errorf("%+v", one)
	}
	if last, err := c.folder.Last(); last != s.URL || err != nil {
		t.Errorf("last: %q, %v", last, err)
	}
	if all, err := c.folder.Servers(); fmt.Sprint(all) != "["+s.URL+"]" || err != nil {
		t.Errorf("servers: %v, %v", all, err)
	}
	if notEnded, err := c.Logout(t.Context(), false); err != nil || notEnded != nil {
		t.Fatal(err, notEnded)
	}
	if s.session(0).ended != "logout" {
		t.Error("the session lives")
	}
	var none *NotLoggedInError
	if _, err := c.Whoami(t.Context()); !errors.As(err, &none) {
		t.Error(err)
	}
	if _, err := c.Logout(t.Context(), true); !errors.As(err, &none) {
		t.Error(err)
	}
	if last, err := c.folder.Last(); last != "" || err != nil {
		t.Errorf("last: %q, %v", last, err)
	}
	if n := s.count("POST /api/v1/refresh"); n != 0 {
		t.Errorf("%d refreshes for a token that counts", n)
	}
}

func TestWrongPassword(t *testing.T) {
	s := newServer(t)
	c := s.client(t, Folder(t.TempDir()))
	_, err := c.Login(t.Context(), Credentials{Username: "kim", Password: "wrong"})
	if err == nil || err.Error() != "The username or password is wrong." {
		t.Errorf("%v", err)
	}
	if all, err := c.folder.Servers(); len(all) > 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	// And one who is in stays in.
	c.mustLogIn(t)
	if _, err := c.Login(t.Context(), Credentials{Username: "kim", Password: "wrong"}); err == nil {
		t.Error("a wrong password logs in")
	}
	c.isIn(t)
}

// Nobody but the owner can read a token, and none is where it does not belong.
func TestTokensAreKeptFromOthers(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.pass(55 * time.Second)
	c.isIn(t) // writes again
	err := filepath.Walk(string(c.folder), func(path string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasSuffix(path, ".tmp") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.folder.read(c.server)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s %q", l, l, l, l.AccessToken, l.RefreshToken); strings.Contains(text, "secret") {
		t.Error("tokens are printed: " + text)
	}
}

func TestLoosePermissions(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	path := c.folder.path(c.server)
	asked := len(s.asked)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "can be read or changed by others") {
			t.Errorf("%v: %v", mode, err)
		}
		if _, err := c.Logout(t.Context(), false); err == nil {
			t.Errorf("%v: logged out by it", mode)
		}
	}
	if len(s.asked) != asked {
		t.Error("a token was used that others may have read")
	}
	if err := os.Chmod(string(c.folder), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(t.Context(), Credentials{Username: "kim", Password: password}); err == nil || !strings.Contains(err.Error(), "others can put files") {
		t.Error(err)
	}
	if err := os.Chmod(string(c.folder), 0o700); err != nil {
		t.Fatal(err)
	}
	c.mustLogIn(t) // a new file takes its place
	c.isIn(t)
	if os.Geteuid() == 0 { // only root can give files away
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Error(err)
		}
	}
}

// A server that takes a log-out without a session for done has not ended ours.
func TestLogoutThatEndedNothing(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.forget()
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, known := s.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]; known || r.URL.Path != "/api/v1/logout" {
			return false
		}
		send(w, 200, map[string]any{"ended": 0, "already_gone": 0})
		return true
	}
	if _, err := c.Logout(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if s.session(0).ended != "logout" {
		t.Error("the session lives")
	}
}

func TestEndedSession(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.mu.Lock()
	s.sessions[0].ended = "forced"
	s.mu.Unlock()
	var ended *EndedError
	if _, err := c.Whoami(t.Context()); !errors.As(err, &ended) || !strings.HasSuffix(err.Error(), "has ended: It was ended: forced.") {
		t.Error(err)
	}
	var none *NotLoggedInError
	if _, err := c.Whoami(t.Context()); !errors.As(err, &none) {
		t.Errorf("its tokens are still there: %v", err)
	}

	c.mustLogIn(t)
	s.mu.Lock()
	s.sessions[1].ended = "forced"
	s.mu.Unlock()
	if notEnded, err := c.Logout(t.Context(), false); err != nil || notEnded != nil {
		t.Error(err, notEnded)
	}
	if _, err := c.Whoami(t.Context()); !errors.As(err, &none) {
		t.Errorf("its tokens are still there: %v", err)
	}
}

// A new log-in takes the place of the one before, which ends.
func TestNewLogInEndsTheOneBefore(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	c.mustLogIn(t)
	s.pass(time.Hour) // the access token has expired
	c.mustLogIn(t)
	for n, want := range []string{"logout", "logout", ""} {
		if got := s.session(n).ended; got != want {
			t.Errorf("session %d: %q, want %q", n, got, want)
		}
	}
	c.isIn(t)

	// If it cannot be ended, that is said and the new one stands.
	c.insist = 0
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/v1/logout" {
			send(w, 503, map[string]any{"detail": "A store is away."})
		}
		return r.URL.Path == "/api/v1/logout"
	}
	notEnded, err := c.Login(t.Context(), Credentials{Username: "kim", Password: password})
	if err != nil || notEnded == nil || notEnded.Error() != "A store is away." {
		t.Errorf("%v, %v", notEnded, err)
	}
	if me := c.isIn(t); me.SessionID != s.session(3).id {
		t.Errorf("%+v", me)
	}
}

func TestLogoutWhileAway(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	c.insist = 0
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		send(w, 503, map[string]any{"detail": "A store is away."})
		return true
	}
	if _, err := c.Logout(t.Context(), false); err == nil {
		t.Error("logged out without the server")
	}
	s.before = nil
	c.isIn(t)
	s.Close()
	var away *AwayError
	if _, err := c.Logout(t.Context(), false); !errors.As(err, &away) {
		t.Error(err)
	}
	notEnded, err := c.Logout(t.Context(), true)
	if err != nil || !errors.As(notEnded, &away) {
		t.Errorf("%v, %v", notEnded, err)
	}
	var none *NotLoggedInError
	if _, err := c.Whoami(t.Context()); !errors.As(err, &none) {
		t.Error(err)
	}
}

// Password and token go to the server that was named, whatever that answers.
func TestRedirectsAreNotFollowed(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s reaches the other server, Authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	defer stranger.Close()
	s := newServer(t)
	c := s.loggedIn(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s.before = func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, stranger.URL+r.URL.Path, status)
			return true
		}
		if _, err := c.Login(t.Context(), Credentials{Username: "kim", Password: password}); err == nil || !strings.Contains(err.Error(), "sends us on") {
			t.Errorf("%d: %v", status, err)
		}
		if _, err := c.Whoami(t.Context()); err == nil {
			t.Errorf("%d: who am I?", status)
		}
		s.pass(time.Minute)
		if _, err := c.Whoami(t.Context()); err == nil {
			t.Errorf("%d: refreshed", status)
		}
		if _, err := c.Logout(t.Context(), false); err == nil {
			t.Errorf("%d: logged out", status)
		}
	}
	s.before = nil
	c.isIn(t)
}

// Other things than Gatehouse answer too, and what they say is not trusted.
func TestStrangeAnswers(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.pass(time.Minute)
	c.insist = 0
	for name, one := range map[string]struct {
		status      int
		media, body string
		want        string
	}{
		"page":       {200, "text/html", "<h1>secret</h1>", "not as Gatehouse does"},
		"no JSON":    {200, "application/json", "secret", "not as Gatehouse does"},
		"no tokens":  {200, "application/json", "{}", "without tokens"},
		"a header":   {200, "application/json", `{"access_token":"a\r\nX: y","refresh_token":"b","expires_in":60,"token_type":"Bearer"}`, "without tokens"},
		"another":    {200, "application/json", `{"access_token":"a","refresh_token":"b","expires_in":60,"token_type":"mac"}`, "without tokens"},
		"for ever":   {200, "application/json", `{"access_token":"a","refresh_token":"b","expires_in":-1,"token_type":"Bearer"}`, "without tokens"},
		"escapes":    {400, "application/problem+json", `{"detail":"\u001b]0;x\u0007a\nb\u202ec"}`, "]0;xa bc"},
		"long":       {400, "application/problem+json", `{"detail":"` + strings.Repeat("가", 5000) + `"}`, strings.Repeat("가", 500) + "…"},
		"nothing":    {418, "application/problem+json", `{}`, "the server answers 418"},
		"wait":       {429, "application/problem+json", `{"title":"Too many"}`, "Too many (try again in 7s)"},
		"page 404":   {404, "text/html", "secret", "not as Gatehouse does"},
		"proxy":      {502, "text/html", "secret", "a proxy answers 502"},
		"proxy's no": {401, "text/html", "secret", "not as Gatehouse does"},
	} {
		s.before = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", one.media)
			w.Header().Set("Retry-After", "7")
			if one.status != 429 {
				w.Header().Del("Retry-After")
			}
			w.WriteHeader(one.status)
			fmt.Fprint(w, one.body)
			return true
		}
		_, err := c.Whoami(t.Context())
		if err == nil || !strings.Contains(err.Error(), one.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.before = nil
	c.isIn(t) // none of them has cost the log-in
}

func TestSeveralServers(t *testing.T) {
	folder := Folder(filepath.Join(t.TempDir(), "a", "b"))
	first, second := newServer(t), newServer(t)
	one, other := first.client(t, folder), second.client(t, folder)
	if all, err := folder.Servers(); all != nil || err != nil {
		t.Error(all, err)
	}
	one.mustLogIn(t)
	other.mustLogIn(t)
	one.isIn(t)
	other.isIn(t)
	if last, err := folder.Last(); last != second.URL || err != nil {
		t.Error(last, err)
	}
	if _, err := one.Logout(t.Context(), false); err != nil {
		t.Error(err)
	}
	if last, err := folder.Last(); last != second.URL || err != nil {
		t.Error(last, err)
	}
	other.isIn(t)
}

// A file of a newer version, or one that somebody has written into, is not
// guessed at; logging in again helps.
func TestUnreadableFile(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	path := c.folder.path(c.server)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", "null", `{"version":2}`, strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		strings.Replace(string(good), s.URL, "https://other.example", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Whoami(t.Context()); !errors.Is(err, errUnreadable) {
			t.Errorf("%q: %v", text, err)
		}
	}
	c.mustLogIn(t)
	c.isIn(t)
}

// Nothing is sent to who cannot show that it is the server.
func TestUntrustedCertificate(t *testing.T) {
	s := newServer(t)
	over := httptest.NewUnstartedServer(s.Config.Handler)
	over.Config.ErrorLog = log.New(io.Discard, "", 0) // of refused handshakes
	over.StartTLS()
	defer over.Close()
	address, err := url.Parse(over.URL)
	if err != nil {
		t.Fatal(err)
	}
	folder := Folder(filepath.Join(t.TempDir(), "kept"))
	client := func(trusted *x509.CertPool) *Client {
		transport := NewTransport()
		t.Cleanup(transport.CloseIdleConnections)
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted}
		return New(address, folder, transport, "test/0", s.clock)
	}
	right := x509.NewCertPool()
	right.AddCert(over.Certificate())
	trusting, wary := client(right), client(x509.NewCertPool())
	trusting.mustLogIn(t)
	trusting.isIn(t)

	s.pass(time.Minute)
	asked := len(s.asked)
	var away *AwayError
	if _, err := wary.Whoami(t.Context()); !errors.As(err, &away) || !away.unsent {
		t.Errorf("refresh: %v", err)
	}
	if _, err := wary.Login(t.Context(), Credentials{Username: "kim", Password: password}); !errors.As(err, &away) {
		t.Errorf("log-in: %v", err)
	}
	if _, err := wary.Logout(t.Context(), false); !errors.As(err, &away) {
		t.Errorf("log-out: %v", err)
	}
	if len(s.asked) != asked {
		t.Errorf("it was sent %q", s.asked[asked:])
	}
	trusting.isIn(t)
}
