package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// shortLimits is a real server around w with limits that a stream has to
// outlive.
func (w *world) shortLimits() *httptest.Server {
	site := httptest.NewUnstartedServer(w.Server)
	site.Config.ReadTimeout = 300 * time.Millisecond
	site.Config.WriteTimeout = 300 * time.Millisecond
	site.Start()
	w.t.Cleanup(site.Close)
	return site
}

// events opens the stream of c.
func (c *client) events(site *httptest.Server, lang string) (*http.Response, *bufio.Reader) {
	c.w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	c.w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", site.URL+"/mypage/events", nil)
	must(c.w.t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Accept-Language", lang)
	for _, cookie := range c.cookies {
		r.AddCookie(cookie)
	}
	resp, err := http.DefaultClient.Do(r)
	must(c.w.t, err)
	c.w.t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

// nextEvent reads one event.
func nextEvent(t *testing.T, from *bufio.Reader) (name, data string) {
	t.Helper()
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream broke: %v", err)
		}
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); key {
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name != "" {
				return name, data
			}
		}
	}
}

func wantEnded(t *testing.T, from *bufio.Reader, why session.Reason, text string) {
	t.Helper()
	name, data := nextEvent(t, from)
	var e endedEvent
	if err := json.Unmarshal([]byte(data), &e); name != "ended" || err != nil {
		t.Fatalf("event %q %q, %v, want ended", name, data, err)
	}
	if e.Reason != why || e.Text != text || e.Title == "" || e.Action == "" || e.Login != "/login?ended="+string(why) {
		t.Errorf("ended: %+v, want %s %q", e, why, text)
	}
	if _, err := from.ReadByte(); err == nil {
		t.Error("the stream goes on")
	}
}

func wantLive(t *testing.T, from *bufio.Reader, c *client) {
	t.Helper()
	if name, data := nextEvent(t, from); name != "live" || data != `{"session":"`+c.session().Short()+`"}` {
		t.Fatalf("event %q %q, want live", name, data)
	}
}

func TestEventsTellAnOpenPageWhyItEnded(t *testing.T) {
	w := newWorld(t)
	site := w.shortLimits()
	for _, one := range []struct {
		lang string
		why  session.Reason
		text string
	}{
		{"en", session.Forced, "An administrator ended your log-in. Please log in again."},
		{"ko", session.Forced, "관리자가 로그인을 종료했습니다. 다시 로그인해 주세요."},
		{"en", session.Logout, "You were logged out, here or from another device. Please log in again to continue."},
	} {
		name := "alice" + one.lang + string(one.why)
		w.account(name, user.RoleUser)
		c := w.loggedIn(name)
		resp, stream := c.events(site, one.lang)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Accel-Buffering") != "no" || resp.Header.Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
			t.Fatalf("answer %d %v", resp.StatusCode, resp.Header)
		}
		wantLive(t, stream, c)
		time.Sleep(700 * time.Millisecond) // longer than any request may take
		_, err := w.Sessions.End(t.Context(), []session.ID{c.session()}, session.Why{Reason: one.why})
		must(t, err)
		wantEnded(t, stream, one.why, one.text)
		// Who comes late is told the same, as a stream and not by a redirect.
		resp, stream = c.events(site, one.lang)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("late: %d, Set-Cookie %q", resp.StatusCode, resp.Header.Get("Set-Cookie"))
		}
		wantEnded(t, stream, one.why, one.text)
	}
	for deadline := time.Now().Add(20 * time.Second); w.Hub.Open() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams stay open", w.Hub.Open())
		}
	}
}

// Nobody says that a new token is an end; the page finds out by opening anew.
func TestEventsAfterANewPassword(t *testing.T) {
	w := newWorld(t)
	site := w.shortLimits()
	w.account("alice", user.RoleUser)
	c, elsewhere := w.loggedIn("alice"), w.loggedIn("alice")
	_, mine := c.events(site, "en")
	_, other := elsewhere.events(site, "en")
	wantLive(t, mine, c)
	wantLive(t, other, elsewhere)
	wantRedirect(t, c.post("/mypage/password", "current", goodPassword, "password", "another good password 7"), "/mypage")
	wantEnded(t, mine, session.Replaced, "A newer log-in took the place of this one. Please log in again to continue here.")
	wantEnded(t, other, session.Password, "The password was changed, which logs out every other device. Please log in with the new one.")
	_, mine = c.events(site, "en")
	wantLive(t, mine, c)
}

func TestEventsWithoutASessionOrAStore(t *testing.T) {
	w := newWorld(t)
	site := w.shortLimits()
	resp, _ := w.client().events(site, "en")
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Location") != "" {
		t.Errorf("without a session: %d", resp.StatusCode)
	}
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	wantStatus(t, c.do("HEAD", "/mypage/events", nil), http.StatusOK)
	if n := w.Hub.Open(); n != 0 {
		t.Errorf("HEAD leaves %d streams open", n)
	}
	w.Sessions = session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now)
	w.cookies = session.NewCookies(w.Sessions, w.CookieName, w.Secure)
	resp, _ = c.events(site, "en")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("store away: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

// awayStore answers nothing.
type awayStore struct{ session.Store }

func (awayStore) Rotate(context.Context, session.Rotate) (session.Session, error) {
	return session.Session{}, session.ErrUnavailable
}

func (awayStore) Start(context.Context, session.Start) error { return session.ErrUnavailable }

func (awayStore) Find(context.Context, session.ID) (session.Session, error) {
	return session.Session{}, session.ErrUnavailable
}

// The oldest of too many streams is told to stay away for a while.
func TestEventsAreBoundedPerUser(t *testing.T) {
	w := newWorld(t)
	site := w.shortLimits()
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	var first *bufio.Reader
	for i := range session.StreamsPerUser + 1 {
		_, stream := c.events(site, "en")
		wantLive(t, stream, c)
		if i == 0 {
			first = stream
		}
	}
	if line, err := first.ReadString('\n'); err != nil || line != fmt.Sprintf("retry: %d\n", crowdedRetry.Milliseconds()) {
		t.Errorf("the oldest is told %q, %v", line, err)
	}
	if name, _ := nextEvent(t, first); name != "crowded" {
		t.Errorf("the oldest is told %q", name)
	}
}
