package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// keysKept is how long a list of keys is used before it is read again.
	// Gatehouse publishes a key five minutes before it signs.
	keysKept = time.Minute
	// keysAgain is how long to wait after a reading before the next, whatever
	// is asked meanwhile: anybody can make up names of keys. A key added in a
	// hurry (key rotate --now) signs after 10 s and is published within 5.
	keysAgain = 5 * time.Second
)

// Offline checks access tokens by the issuer's public keys, without asking about
// each. If the keys cannot be read it goes on with those that it knows. It is
// safe for concurrent use.
type Offline struct {
	issuer string
	parser *jwt.Parser
	now    func() time.Time
	client *http.Client

	reading chan struct{} // holds one while somebody reads the keys

	mu    sync.Mutex
	keys  map[string]publicKey
	read  time.Time // when keys were read; zero: never
	tried time.Time // when that was last tried
	why   error     // why the last try has failed; nil if it has not
}

// NewOffline returns an Offline for the tokens of the Gatehouse whose public URL
// is issuer and that are for audience (GATEHOUSE_TOKEN_AUDIENCE; the issuer, if
// that is not set). The first check reads the keys.
func NewOffline(issuer, audience string) (*Offline, error) {
	if err := issuerURL(issuer); err != nil {
		return nil, err
	}
	if audience == "" { // jwt.Validator would then not look at it
		return nil, errors.New("guard: an audience is needed")
	}
	o := &Offline{issuer: issuer, now: time.Now, client: newClient(), reading: make(chan struct{}, 1)}
	o.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA", "ES256"}),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), // and no leeway: a token counts as long as it says
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithTimeFunc(func() time.Time { return o.now() }),
	)
	return o, nil
}

// claims are what this package reads of a token.
type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
	Role    string `json:"role"`
}

// Check implements [Checker].
func (o *Offline) Check(ctx context.Context, token string) (Caller, error) {
	if len(token) > maxToken {
		return Caller{}, refused("too long")
	}
	if strings.ContainsAny(token, "\r\n") { // which Go's base64 passes over
		return Caller{}, refused("a line break")
	}
	var c claims
	_, err := o.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return o.keyOf(ctx, t) })
	switch {
	case errors.Is(err, ErrUnavailable):
		return Caller{}, err
	case err != nil:
		return Caller{}, refused("%w", err)
	case c.Subject == "" || c.Session == "":
		return Caller{}, refused("sub or sid is missing")
	}
	return Caller{User: c.Subject, Session: c.Session, Role: c.Role, Expires: c.ExpiresAt.Time}, nil
}

// keyOf returns the key by which t has to be signed. The key says what it is
// for, never the token: a header that brings a key along, or points to one, is
// not looked at.
func (o *Offline) keyOf(ctx context.Context, t *jwt.Token) (any, error) {
	// RFC 9068 4: no other kind of JWT may pass for an access token.
	typ, _ := t.Header["typ"].(string)
	if !strings.EqualFold(typ, "at+jwt") && !strings.EqualFold(typ, "application/at+jwt") {
		return nil, errors.New("it is no access token")
	}
	if _, ok := t.Header["crit"]; ok { // RFC 7515 4.1.11: what is not understood is refused
		return nil, errors.New("it has critical extensions")
	}
	kid, _ := t.Header["kid"].(string)
	if kid == "" {
		return nil, errors.New("it names no key")
	}
	k, err := o.key(ctx, kid)
	if err != nil {
		return nil, err
	}
	if t.Method.Alg() != k.alg {
		return nil, errors.New("its alg is not that of the key")
	}
	return k.key, nil
}

// key returns the key called kid, reading the list if it is old or does not have
// it.
func (o *Offline) key(ctx context.Context, kid string) (publicKey, error) {
	asked := o.now()
	if !o.due(kid) {
		return o.find(kid, asked)
	}
	select { // one reads, the others wait, and then find what it has read
	case o.reading <- struct{}{}:
		defer func() { <-o.reading }()
	case <-ctx.Done():
		return publicKey{}, unavailable("%w", ctx.Err())
	}
	if o.due(kid) {
		began := o.now()
		keys, err := fetchKeys(context.WithoutCancel(ctx), o.client, o.issuer+"/.well-known/jwks.json")
		o.mu.Lock()
		o.tried, o.why = began, err
		if err == nil {
			o.keys, o.read = keys, began
		}
		o.mu.Unlock()
	}
	return o.find(kid, asked)
}

// due reports whether the list should be read before kid is looked up in it.
func (o *Offline) due(kid string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	_, known := o.keys[kid]
	return (!known || now.Sub(o.read) >= keysKept) && (o.tried.IsZero() || now.Sub(o.tried) >= keysAgain)
}

// find returns the key called kid, or why there is none. That it is not in a
// list read since it was asked for is an answer; that it is not in an older one,
// which may not be read again yet, is none.
func (o *Offline) find(kid string, asked time.Time) (publicKey, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, ok := o.keys[kid]
	switch {
	case ok:
		return k, nil
	case o.why != nil:
		return publicKey{}, unavailable("the keys of %s: %w", o.issuer, o.why)
	case o.read.Before(asked):
		return publicKey{}, unavailable("the keys of %s were read a moment ago, and this one was not among them", o.issuer)
	}
	return publicKey{}, fmt.Errorf("%s has no such key", o.issuer)
}
