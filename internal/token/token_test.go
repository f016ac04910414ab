package token

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func TestRoundTrip(t *testing.T) {
	for _, alg := range []Algorithm{EdDSA, ES256} {
		w := newWorld(t, alg)
		w.pass(345 * time.Millisecond)
		s := w.session()
		s.Username, s.Role = "kim.personal", user.RoleAdmin
		s.Device = session.Device{Browser: "Whale", OS: "Windows"}
		text, issued, err := w.issuer.Issue(s)
		w.must(err)
		got, err := w.verifier.Verify(ctx, text)
		w.must(err)
		if got != issued || got.User != s.User || got.Session != s.ID || got.Role != s.Role || !got.Issued.Equal(at) || !got.Expires.Equal(at.Add(time.Minute)) {
			t.Errorf("%s: %+v came back as %+v", alg, issued, got)
		}
		header, payload := decoded(t, text)
		want := regexp.MustCompile(`^\{"alg":"` + string(alg) + `","kid":"[0-9a-f]{32}","typ":"at\+jwt"\}$`)
		if !want.MatchString(header) {
			t.Errorf("header %s", header)
		}
		if strings.Contains(payload, s.Username) || strings.Contains(payload, `"Whale`) { // neither is in a random id by chance
			t.Errorf("something personal in %s", payload)
		}
		again, other, err := w.issuer.Issue(s)
		w.must(err)
		if again == text || other.ID == issued.ID {
			t.Error("two tokens, one jti")
		}
		if len(text) > 1024 {
			t.Errorf("%d bytes", len(text))
		}
		t.Logf("%s: %d bytes, payload %s", alg, len(text), payload)
	}
}

func decoded(t *testing.T, text string) (header, payload string) {
	t.Helper()
	parts := strings.Split(text, ".")
	h, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(h), string(p)
}

// TestEdgesOfTime: to the moment.
func TestEdgesOfTime(t *testing.T) {
	w := newWorld(t, EdDSA)
	text := w.issue()
	s := w.signer()
	for _, c := range []struct {
		now  time.Time
		text string
		good bool
	}{
		{at, text, true},
		{at.Add(time.Minute - time.Nanosecond), text, true},
		{at.Add(time.Minute), text, false}, // "on or after" (RFC 7519 4.1.4)
		{at.Add(-Leeway), text, true},
		{at.Add(-Leeway - time.Nanosecond), text, false},
		{at, w.sign(EdDSA, s.key, w.header(s).String(), w.payload().with("nbf", number(at.Add(Leeway))).String()), true},
		{at, w.sign(EdDSA, s.key, w.header(s).String(), w.payload().with("exp", number(at.Add(MaxLifetime))).String()), true},
		{at, w.sign(EdDSA, s.key, w.header(s).with("typ", `"application/at+JWT"`).String(), w.payload().with("aud", `["https://a.example","https://api.example"]`, "x", `{"y":[1]}`).String()), true},
	} {
		w.set(c.now)
		if _, err := w.verifier.Verify(ctx, c.text); (err == nil) != c.good || err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("at %v: %v", c.now.Sub(at), err)
		}
	}
}

// The session's end comes first, for readers who do not ask about the session.
func TestTokenEndsWithItsSession(t *testing.T) {
	w := newWorld(t, EdDSA)
	s := w.session()
	s.Deadline = at.Add(20*time.Second + 900*time.Millisecond)
	_, c, err := w.issuer.Issue(s)
	w.must(err)
	if !c.Expires.Equal(at.Add(20 * time.Second)) {
		t.Errorf("expires after %v", c.Expires.Sub(at))
	}
}

func TestLifetimeHasBounds(t *testing.T) {
	w := newWorld(t, EdDSA)
	for d, good := range map[time.Duration]bool{
		time.Second: true, time.Minute: true, MaxLifetime: true,
		0: false, -time.Minute: false, time.Millisecond: false, 1500 * time.Millisecond: false, MaxLifetime + time.Second: false, 24 * time.Hour: false,
	} {
		if _, err := NewIssuer(w.ring, parties, d); (err == nil) != good {
			t.Errorf("%v: %v", d, err)
		}
	}
	for _, p := range []Parties{{}, {Issuer: "a"}, {Audience: "a"}} {
		if _, err := NewIssuer(w.ring, p, time.Minute); err == nil {
			t.Errorf("issuer for %+v", p)
		}
		if _, err := NewVerifier(w.ring, p, 0); err == nil {
			t.Errorf("verifier for %+v", p)
		}
	}
}

// TestNoSharedSecrets: no algorithm with a shared secret has a name here, and
// no code could use one.
func TestNoSharedSecrets(t *testing.T) {
	for _, name := range []string{"HS256", "HS384", "HS512", "none", "None", "", "RS256", "eddsa", "es256", "Ed25519"} {
		if a, ok := ParseAlgorithm(name); ok || a != "" {
			t.Errorf("%q is an algorithm", name)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bad := regexp.MustCompile(`SigningMethodHS|SigningMethodNone|UnsafeAllowNone|ParseUnverified|"crypto/hmac"`).Find(text); bad != nil && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s uses %s", name, bad)
		}
	}
}

// TestRefusalsRepeatNothing: the log must not carry what a stranger, or the
// holder of a good token, has sent.
func TestRefusalsRepeatNothing(t *testing.T) {
	w := newWorld(t, EdDSA)
	s := w.signer()
	for _, o := range []object{w.header(s).with("alg", `"hunter2"`), w.header(s).with("kid", `"hunter2"`), w.header(s).with("hunter2", "1"), w.header(s).with("typ", `"hunter2"`)} {
		_, err := w.verifier.Verify(ctx, w.sign(EdDSA, s.key, o.String(), w.payload().String()))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
	for _, name := range []string{"iss", "aud", "sub", "sid", "jti", "role", "exp", "client_id", "hunter2"} {
		_, err := w.verifier.Verify(ctx, w.sign(EdDSA, s.key, w.header(s).String(), w.payload().with(name, `"hunter2"`).String()))
		if (err == nil) != (name == "hunter2") || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
