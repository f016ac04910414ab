package guard

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is a Gatehouse as far as this package can see it.
type issuer struct {
	*httptest.Server
	t     *testing.T
	clock *clock

	mu      sync.Mutex
	jwks    string
	active  map[string]map[string]any // answers about tokens; absent: not active
	down    bool
	asked   atomic.Int64 // introspections
	fetched atomic.Int64 // lists of keys
}

type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

const clientSecret = "s3cret/with+signs and space"

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t, clock: &clock{}, active: map[string]map[string]any{}}
	i.clock.at.Store(time.Now().UnixNano())
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/jwks.json":
		i.fetched.Add(1)
		if i.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, i.jwks)
	case "/oauth/introspect":
		i.asked.Add(1)
		id, secret, _ := r.BasicAuth()
		secret, _ = url.QueryUnescape(secret)
		switch {
		case i.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case id != "reports" || secret != clientSecret:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			answer := i.active[r.PostFormValue("token")]
			if answer == nil {
				answer = map[string]any{"active": false}
			}
			_ = json.NewEncoder(w).Encode(answer)
		}
	default:
		i.t.Errorf("asked for %s", r.URL)
	}
}

func (i *issuer) set(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

type signer struct {
	method jwt.SigningMethod
	key    crypto.Signer
	jwk    map[string]string
}

func ed(kid string) signer {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	return signer{jwt.SigningMethodEdDSA, private, map[string]string{
		"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": base64.RawURLEncoding.EncodeToString(public),
	}}
}

func es(kid string) signer {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	point, _ := private.PublicKey.Bytes()
	encode := base64.RawURLEncoding.EncodeToString
	return signer{jwt.SigningMethodES256, private, map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": encode(point[1:33]), "y": encode(point[33:]),
	}}
}

// publish sets the list of keys.
func (i *issuer) publish(keys ...signer) {
	list := []map[string]string{{"kty": "RSA", "kid": "of another kind", "n": "AQAB", "e": "AQAB"}}
	for _, k := range keys {
		list = append(list, k.jwk)
	}
	text, _ := json.Marshal(map[string]any{"keys": list})
	i.set(func() { i.jwks = string(text) })
}

// sign makes a token; change may alter what it says.
func (i *issuer) sign(k signer, change func(header, claims map[string]any)) string {
	i.t.Helper()
	now := i.clock.now().Unix()
	c := jwt.MapClaims{"iss": i.URL, "aud": "https://api.example", "sub": "u1", "sid": "s1", "role": "user", "jti": "j1", "client_id": "gatehouse", "iat": now, "exp": now + 60}
	t := jwt.NewWithClaims(k.method, c)
	t.Header["typ"], t.Header["kid"] = "at+jwt", k.jwk["kid"]
	if change != nil {
		change(t.Header, c)
	}
	text, err := t.SignedString(k.key)
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

func (i *issuer) offline() *Offline {
	i.t.Helper()
	o, err := NewOffline(i.URL, "https://api.example")
	if err != nil {
		i.t.Fatal(err)
	}
	o.now = i.clock.now
	return o
}

func wantCaller(t *testing.T, c Checker, token string) {
	t.Helper()
	got, err := c.Check(t.Context(), token)
	if err != nil || got.User != "u1" || got.Session != "s1" || got.Role != "user" || got.Expires.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

func wantError(t *testing.T, what string, c Checker, token string, want error) {
	t.Helper()
	got, err := c.Check(t.Context(), token)
	if !errors.Is(err, want) || errors.Is(err, ErrToken) && errors.Is(err, ErrUnavailable) || got != (Caller{}) {
		t.Errorf("%s: %+v, %v, want %v", what, got, err, want)
	}
}

func TestOfflineAcceptsWhatIsSigned(t *testing.T) {
	i := newIssuer(t)
	a, b := ed("a"), es("b")
	i.publish(a, b)
	o := i.offline()
	wantCaller(t, o, i.sign(a, nil))
	wantCaller(t, o, i.sign(b, nil))
	wantCaller(t, o, i.sign(b, func(_, c map[string]any) { c["aud"] = []string{"x", "https://api.example"} }))
	wantCaller(t, o, i.sign(b, func(h, _ map[string]any) { h["typ"] = "application/AT+jwt" }))
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

func TestOfflineRefusesForgeries(t *testing.T) {
	i := newIssuer(t)
	a, b, stranger := ed("a"), es("b"), ed("a")
	i.publish(a, b)
	good := i.sign(a, nil)
	wantCaller(t, i.offline(), good)
	parts := strings.Split(good, ".")
	encode := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	header := func(more map[string]any) string {
		h := map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "a"}
		maps.Copy(h, more)
		return encode(h)
	}
	public := a.key.Public().(ed25519.PublicKey)
	asSecret := func(secret []byte) string {
		body := header(map[string]any{"alg": "HS256"}) + "." + parts[1]
		mac, _ := jwt.SigningMethodHS256.Sign(body, secret)
		return body + "." + base64.RawURLEncoding.EncodeToString(mac)
	}
	change := func(f func(h, c map[string]any)) string { return i.sign(a, f) }
	now := i.clock.now().Unix()
	for what, token := range map[string]string{
		"nothing":                 "",
		"words":                   "not a token",
		"alg none":                header(map[string]any{"alg": "none"}) + "." + parts[1] + ".",
		"alg None":                header(map[string]any{"alg": "None"}) + "." + parts[1] + "." + parts[2],
		"the public key as HMAC":  asSecret(public),
		"its text as HMAC":        asSecret([]byte(a.jwk["x"])),
		"no signature":            parts[0] + "." + parts[1] + ".",
		"another's signature":     i.sign(stranger, nil),
		"EC for the key a":        i.sign(b, func(h, _ map[string]any) { h["kid"] = "a" }),
		"Ed for the key b":        i.sign(a, func(h, _ map[string]any) { h["kid"] = "b" }),
		"a key that it brings":    i.sign(stranger, func(h, _ map[string]any) { h["kid"], h["jwk"] = "x", stranger.jwk }),
		"a key that it points to": i.sign(stranger, func(h, _ map[string]any) { h["kid"], h["jku"] = "x", i.URL+"/made-up.json" }),
		"a path as kid":           change(func(h, _ map[string]any) { h["kid"] = "../../../dev/null" }),
		"no kid":                  change(func(h, _ map[string]any) { delete(h, "kid") }),
		"a number as kid":         change(func(h, _ map[string]any) { h["kid"] = 1 }),
		"a key of another kind":   change(func(h, _ map[string]any) { h["kid"] = "of another kind" }),
		"typ JWT":                 change(func(h, _ map[string]any) { h["typ"] = "JWT" }),
		"no typ":                  change(func(h, _ map[string]any) { delete(h, "typ") }),
		"crit":                    change(func(h, _ map[string]any) { h["crit"] = []string{"x"} }),
		"another issuer":          change(func(_, c map[string]any) { c["iss"] = i.URL + "/" }),
		"no issuer":               change(func(_, c map[string]any) { delete(c, "iss") }),
		"another audience":        change(func(_, c map[string]any) { c["aud"] = "https://api.example.evil" }),
		"no audience":             change(func(_, c map[string]any) { delete(c, "aud") }),
		"no exp":                  change(func(_, c map[string]any) { delete(c, "exp") }),
		"expired now":             change(func(_, c map[string]any) { c["exp"] = now }),
		"not yet":                 change(func(_, c map[string]any) { c["nbf"] = now + 60 }),
		"no sub":                  change(func(_, c map[string]any) { delete(c, "sub") }),
		"no sid":                  change(func(_, c map[string]any) { delete(c, "sid") }),
		"padding":                 good + "=",
		"a line break":            good + "\n",
		"long":                    good + strings.Repeat("A", maxToken),
		"dots":                    strings.Repeat(".", 3000),
	} {
		wantError(t, what, i.offline(), token, ErrToken)
	}
}

// An ended session's token, which nobody asks about, counts until it expires and
// not a moment longer.
func TestOfflineAcceptsUntilTheTokenExpires(t *testing.T) {
	i := newIssuer(t)
	a := ed("a")
	i.publish(a)
	o := i.offline()
	exp := i.clock.now().Unix() + 60
	token := i.sign(a, nil)
	wantCaller(t, o, token)
	i.clock.at.Store(time.Unix(exp, 0).UnixNano() - 1)
	wantCaller(t, o, token)
	i.clock.at.Store(time.Unix(exp, 0).UnixNano())
	wantError(t, "expired", o, token, ErrToken)
}

func TestOfflineFindsNewKeys(t *testing.T) {
	i := newIssuer(t)
	a, b := ed("a"), ed("b")
	i.publish(a)
	o := i.offline()
	wantCaller(t, o, i.sign(a, nil))
	i.publish(a, b)
	i.clock.advance(keysAgain)
	wantCaller(t, o, i.sign(b, nil))
	wantCaller(t, o, i.sign(a, nil))
	// A key that was revoked counts for keysKept at most.
	i.publish(b)
	i.clock.advance(keysKept - time.Nanosecond)
	wantCaller(t, o, i.sign(a, nil))
	i.clock.advance(time.Nanosecond)
	wantError(t, "revoked", o, i.sign(a, nil), ErrToken)
	wantCaller(t, o, i.sign(b, nil))
}

// Anybody can make up names of keys. That reads the list now and then, and no
// more often, and a key that may be new is not called a forgery meanwhile.
func TestOfflineReadsNoMoreOftenForMadeUpKeys(t *testing.T) {
	i := newIssuer(t)
	a, b := ed("a"), ed("b")
	i.publish(a)
	o := i.offline()
	wantCaller(t, o, i.sign(a, nil))
	i.clock.advance(time.Nanosecond)
	for n := range 200 {
		wantError(t, "made up", o, i.sign(ed(fmt.Sprint("made up ", n)), nil), ErrUnavailable)
	}
	i.publish(a, b)
	wantError(t, "new", o, i.sign(b, nil), ErrUnavailable)
	wantCaller(t, o, i.sign(a, nil))
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d lists read", n)
	}
	i.clock.advance(keysAgain)
	wantError(t, "made up", o, i.sign(ed("made up"), nil), ErrToken)
	wantCaller(t, o, i.sign(b, nil))
	if n := i.fetched.Load(); n != 2 {
		t.Errorf("%d lists read", n)
	}
}

func TestOfflineManyAtOnceReadOnce(t *testing.T) {
	i := newIssuer(t)
	a := ed("a")
	i.publish(a)
	o, token := i.offline(), i.sign(a, nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { wantCaller(t, o, token) })
	}
	wg.Wait()
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d lists read", n)
	}
}

// Without its keys a service cannot tell: 503. With keys that it knows it goes
// on, however long the issuer is away.
func TestOfflineWhileTheIssuerIsAway(t *testing.T) {
	i := newIssuer(t)
	a, b := ed("a"), ed("b")
	i.publish(a, b)
	i.set(func() { i.down = true })
	o := i.offline()
	wantError(t, "never read", o, i.sign(a, nil), ErrUnavailable)
	wantError(t, "not read again yet", o, i.sign(a, nil), ErrUnavailable)
	i.clock.advance(keysAgain)
	i.publish(a)
	i.set(func() { i.down = false })
	wantCaller(t, o, i.sign(a, nil))
	i.set(func() { i.down = true })
	i.clock.advance(24 * time.Hour)
	wantCaller(t, o, i.sign(a, nil))
	wantError(t, "an unknown key", o, i.sign(b, nil), ErrUnavailable)
	wantError(t, "a broken signature is one all the same", o, i.sign(ed("a"), nil), ErrToken)
	for name, list := range map[string]string{"no JSON": "<html>", "no keys": `{"keys":[]}`, "cut": `{"keys":[`, "long": strings.Repeat(" ", 2*maxList) + "{}"} {
		i.set(func() { i.down, i.jwks = false, list })
		i.clock.advance(keysKept)
		wantCaller(t, o, i.sign(a, nil))
		if o.why == nil {
			t.Errorf("%s: passes for a list of keys", name)
		}
	}
}

func TestIssuers(t *testing.T) {
	for _, issuer := range []string{"https://id.example", "https://id.example:8443", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1"} {
		if _, err := NewOffline(issuer, "x"); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
		if _, err := NewOnline(issuer, "x", "id", "secret", 0); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	for _, issuer := range []string{"", "id.example", "http://id.example", "http://localhost.evil.example", "http://10.0.0.1", "https://id.example/", "https://id.example/x", "https://u@id.example", "ftp://localhost"} {
		if _, err := NewOffline(issuer, "x"); err == nil {
			t.Errorf("%s passes", issuer)
		}
		if _, err := NewOnline(issuer, "x", "id", "secret", 0); err == nil {
			t.Errorf("%s passes", issuer)
		}
	}
	if _, err := NewOffline("https://id.example", ""); err == nil {
		t.Error("any audience would do")
	}
}

// verdicts is a Checker that says what the token says.
type verdicts struct{}

func (verdicts) Check(_ context.Context, token string) (Caller, error) {
	switch token {
	case "good":
		return Caller{User: "u1"}, nil
	case "away":
		return Caller{}, unavailable("x")
	case "strange":
		return Caller{}, errors.New("an error of another kind")
	}
	return Caller{}, refused("x")
}

func TestRequire(t *testing.T) {
	var reported error
	h := Require(verdicts{}, func(_ *http.Request, err error) { reported = err }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := CallerOf(r.Context())
		fmt.Fprint(w, c.User, ok)
	}))
	for _, one := range []struct {
		header    []string
		status    int
		challenge string
		reported  bool
	}{
		{[]string{"Bearer good"}, 200, "", false},
		{[]string{"bEaReR  good"}, 200, "", false},
		{nil, 401, "Bearer", false},
		{[]string{"Bearer"}, 401, "Bearer", false},
		{[]string{"Basic good"}, 401, "Bearer", false},
		{[]string{"good"}, 401, "Bearer", false},
		{[]string{"Bearer good", "Bearer good"}, 401, "Bearer", false},
		{[]string{"Bearer bad"}, 401, `Bearer error="invalid_token"`, true},
		{[]string{"Bearer away"}, 503, "", true},
		{[]string{"Bearer strange"}, 503, "", true},
	} {
		reported = nil
		r := httptest.NewRequest("GET", "/?access_token=good", nil)
		r.Header["Authorization"] = one.header
		r.AddCookie(&http.Cookie{Name: "access_token", Value: "good"})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != one.status || w.Header().Get("WWW-Authenticate") != one.challenge || (reported != nil) != one.reported ||
			(w.Header().Get("Retry-After") != "") != (w.Code == 503) || (w.Body.String() == "u1true") != (w.Code == 200) {
			t.Errorf("%q: %d %v %q, reported %v", one.header, w.Code, w.Header(), w.Body, reported)
		}
	}
	if _, ok := CallerOf(t.Context()); ok {
		t.Error("a caller without a check")
	}
}
