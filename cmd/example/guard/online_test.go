package guard

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func (i *issuer) online(keep time.Duration) *Online {
	i.t.Helper()
	o, err := NewOnline(i.URL, "https://api.example", "reports", clientSecret, keep)
	if err != nil {
		i.t.Fatal(err)
	}
	o.now = i.clock.now
	return o
}

func (i *issuer) live(token string, change map[string]any) {
	answer := map[string]any{"active": true, "token_type": "Bearer", "iss": i.URL, "aud": "https://api.example", "sub": "u1", "sid": "s1", "role": "user", "exp": i.clock.now().Unix() + 60}
	maps.Copy(answer, change)
	i.set(func() { i.active[token] = answer })
}

func TestOnlineAsksEachTime(t *testing.T) {
	i := newIssuer(t)
	o := i.online(0)
	i.live("t", nil)
	for range 3 {
		wantCaller(t, o, "t")
	}
	i.set(func() { delete(i.active, "t") })
	wantError(t, "ended", o, "t", ErrToken)
	if n := i.asked.Load(); n != 4 {
		t.Errorf("asked %d times", n)
	}
}

func TestOnlineTakesOnlyAccessTokensForIt(t *testing.T) {
	i := newIssuer(t)
	o := i.online(time.Minute)
	for what, change := range map[string]map[string]any{
		"a refresh token":  {"token_type": "refresh_token"},
		"no type":          {"token_type": ""},
		"another issuer":   {"iss": "https://evil.example"},
		"another audience": {"aud": "https://other.example"},
		"expired":          {"exp": i.clock.now().Unix()},
		"no exp":           {"exp": 0},
		"nobody's":         {"sub": ""},
		"of no session":    {"sid": ""},
	} {
		i.live(what, change)
		wantError(t, what, o, what, ErrToken)
	}
	wantError(t, "long", o, strings.Repeat("A", maxToken+1), ErrToken)
}

func TestOnlineKeepsForNoLongerThanItSays(t *testing.T) {
	i := newIssuer(t)
	o := i.online(5 * time.Second)
	i.live("t", nil)
	wantCaller(t, o, "t")
	i.set(func() { delete(i.active, "t") })
	i.clock.advance(5*time.Second - 1)
	wantCaller(t, o, "t")
	i.clock.advance(1)
	wantError(t, "ended", o, "t", ErrToken)
	// No longer than the token says either.
	i.live("short", map[string]any{"exp": i.clock.now().Unix() + 2})
	wantCaller(t, o, "short")
	i.clock.advance(2 * time.Second)
	wantError(t, "expired", o, "short", ErrToken)
	// What does not count is not kept: it may be a question of a moment.
	wantError(t, "later", o, "later", ErrToken)
	i.live("later", nil)
	wantCaller(t, o, "later")
	for n := range maxCached + 10 {
		o.remember([32]byte{byte(n), byte(n >> 8), byte(n >> 16), 1}, Caller{Expires: i.clock.now().Add(time.Hour)}, i.clock.now())
	}
	if n := len(o.cached); n > maxCached {
		t.Errorf("%d answers kept", n)
	}
}

func TestOnlineWhileTheIssuerIsAway(t *testing.T) {
	i := newIssuer(t)
	i.live("t", nil)
	wrong, err := NewOnline(i.URL, "https://api.example", "reports", "wrong", 0)
	if err != nil {
		t.Fatal(err)
	}
	wrong.now = i.clock.now
	wantError(t, "wrong credentials are no answer about the token", wrong, "t", ErrUnavailable)
	o := i.online(time.Second)
	i.set(func() { i.down = true })
	wantError(t, "503", o, "t", ErrUnavailable)
	i.Close()
	wantError(t, "gone", o, "t", ErrUnavailable)
}

// Credentials go where they belong and nowhere else.
func TestOnlineFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("asked elsewhere, with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	o, err := NewOnline(s.URL, "x", "reports", clientSecret, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "redirect", o, "t", ErrUnavailable)
}
