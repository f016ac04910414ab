package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// cutAfter is for how long the proxy of these tests waits for the next byte.
const cutAfter = 2 * time.Second

// behindNginx is a real server around w with nginx in front, which buffers
// answers as it does by default and cuts those that are silent.
func (w *world) behindNginx(beat time.Duration) *httptest.Server {
	w.t.Helper()
	w.beat = beat
	site := w.shortLimits()
	proxy := testenv.Nginx(w.t, func(listen string) string {
		return `server { listen ` + listen + `; location / {
			proxy_pass ` + site.URL + `;
			proxy_read_timeout ` + cutAfter.String() + `;
		} }`
	})
	return &httptest.Server{URL: "http://" + proxy.Addr()}
}

// What the page is told gets through a proxy that buffers, and a stream with
// nothing to tell outlives the time after which the proxy cuts silent answers.
func TestEventsPassAProxy(t *testing.T) {
	w := newWorld(t)
	site := w.behindNginx(cutAfter / 40)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	resp, stream := c.events(site, "en")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Server"), "nginx") {
		t.Fatalf("answer %d %v", resp.StatusCode, resp.Header)
	}
	wantLive(t, stream, c)
	for began := time.Now(); time.Since(began) < 2*cutAfter; {
		if name, data := nextEvent(t, stream); name != "beat" {
			t.Fatalf("event %q %q, want beat", name, data)
		}
	}
	_, err := w.Sessions.End(t.Context(), []session.ID{c.session()}, session.Why{Reason: session.Forced})
	must(t, err)
	for {
		name, data := nextEvent(t, stream)
		if name == "beat" {
			continue
		}
		if name != "ended" || !strings.Contains(data, `"reason":"forced"`) {
			t.Fatalf("event %q %q, want ended", name, data)
		}
		return
	}
}

// A proxy that cuts streams costs nothing but a new one, and what happened in
// between is told on it.
func TestEventsAfterAProxyHasCutThem(t *testing.T) {
	w := newWorld(t)
	site := w.behindNginx(time.Hour) // silent: the proxy has every reason
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	for range 2 {
		_, stream := c.events(site, "en")
		wantLive(t, stream, c)
		if line, err := stream.ReadString('\n'); err == nil {
			t.Fatalf("the stream goes on: %q", line)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); w.Hub.Open() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams stay open behind the proxy", w.Hub.Open())
		}
	}
	_, err := w.Sessions.End(t.Context(), []session.ID{c.session()}, session.Why{Reason: session.Password})
	must(t, err)
	_, stream := c.events(site, "en")
	wantEnded(t, stream, session.Password, "The password was changed, which logs out every other device. Please log in with the new one.")
}
