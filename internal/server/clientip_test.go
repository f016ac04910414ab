package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"
)

// clientIPOf returns the address that a request from peer with this
// X-Forwarded-For is taken to come from, if 10/8 and fd00::/8 are trusted.
func clientIPOf(t *testing.T, peer, header string) string {
	t.Helper()
	s := &Server{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	var got netip.Addr
	h := s.clientIP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = middleware.GetClientIPAddr(r.Context()).Unmap()
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer
	if header != "" {
		r.Header["X-Forwarded-For"] = []string{header}
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	return addrText(got)
}

func TestClientIPBehindNamedProxies(t *testing.T) {
	for _, test := range []struct{ peer, header, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1"}, // a client that claims to be somebody else
		{"10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "1.1.1.1, 203.0.113.9", "203.0.113.9"}, // the client wrote the first
		{"10.0.0.1:5", "203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"[fd00::1]:5", "2001:db8::7", "2001:db8::7"},
		{"10.0.0.1:5", "nonsense", "-"},
		{"10.0.0.1:5", "", "-"},
	} {
		if got := clientIPOf(t, test.peer, test.header); got != test.want {
			t.Errorf("from %s with %q: %s, want %s", test.peer, test.header, got, test.want)
		}
	}
	s := &Server{Config: Config{Log: slog.New(slog.DiscardHandler), Now: time.Now}}
	for peer, want := range map[string]string{
		"10.0.0.1:5":           "10.0.0.1",
		"[::ffff:192.0.2.1]:5": "192.0.2.1",
		"[2001:db8::7]:5":      "2001:db8::7",
		"@":                    "-", // a Unix socket
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		s.begin(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := addrText(exchangeOf(r.Context()).ip); got != want {
				t.Errorf("from %s without named proxies: %s, want %s", peer, got, want)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}
