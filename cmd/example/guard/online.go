package guard

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxCached bounds the memory of the cache: some megabytes.
const maxCached = 10_000

// Online asks the issuer about each token. It is safe for concurrent use.
type Online struct {
	issuer, audience string
	id, secret       string
	keep             time.Duration
	now              func() time.Time
	client           *http.Client

	mu     sync.Mutex
	cached map[[sha256.Size]byte]kept // by the hash of the token: a dump of the memory logs nobody in
}

type kept struct {
	caller Caller
	until  time.Time
}

// NewOnline returns an Online that asks the Gatehouse whose public URL is issuer
// as the client called id, about tokens for audience. It keeps what it was told
// of a token that counts for keep, and for so long takes an ended session for
// alive; 0 asks each time.
func NewOnline(issuer, audience, id, secret string, keep time.Duration) (*Online, error) {
	if err := issuerURL(issuer); err != nil {
		return nil, err
	}
	if audience == "" || id == "" || secret == "" || keep < 0 {
		return nil, errors.New("guard: an audience, an id and a secret are needed, and a time to keep answers that is not below 0")
	}
	return &Online{
		issuer: issuer, audience: audience, id: id, secret: secret, keep: keep,
		now: time.Now, client: newClient(), cached: map[[sha256.Size]byte]kept{},
	}, nil
}

// Check implements [Checker].
func (o *Online) Check(ctx context.Context, token string) (Caller, error) {
	if len(token) > maxToken {
		return Caller{}, refused("too long")
	}
	sum := sha256.Sum256([]byte(token))
	if c, ok := o.recall(sum); ok {
		return c, nil
	}
	asked := o.now() // an end after this may not be in the answer
	c, err := o.ask(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	o.remember(sum, c, asked)
	return c, nil
}

// introspection is what this package reads of the answer (RFC 7662 2.2).
type introspection struct {
	Active   bool   `json:"active"`
	Type     string `json:"token_type"`
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	Session  string `json:"sid"`
	Role     string `json:"role"`
	Expires  int64  `json:"exp"`
}

func (o *Online) ask(ctx context.Context, token string) (Caller, error) {
	body := strings.NewReader(url.Values{"token": {token}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.issuer+"/oauth/introspect", body)
	if err != nil {
		return Caller{}, unavailable("%w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(o.id), url.QueryEscape(o.secret)) // RFC 6749 2.3.1
	answer, err := o.client.Do(r)
	if err != nil {
		return Caller{}, unavailable("%w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK { // 401 is about our credentials, not about the token
		return Caller{}, unavailable("%s answered %d", o.issuer, answer.StatusCode)
	}
	var i introspection
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxList)).Decode(&i); err != nil {
		return Caller{}, unavailable("%s: %w", o.issuer, err)
	}
	c := Caller{User: i.Subject, Session: i.Session, Role: i.Role, Expires: time.Unix(i.Expires, 0)}
	switch {
	case !i.Active:
		return Caller{}, refused("not active")
	case i.Type != "Bearer": // a refresh token is active, too, and opens nothing
		return Caller{}, refused("no access token")
	case i.Issuer != o.issuer || i.Audience != o.audience:
		return Caller{}, refused("for another audience")
	case c.User == "" || c.Session == "" || !o.now().Before(c.Expires):
		return Caller{}, refused("expired")
	}
	return c, nil
}

func (o *Online) recall(sum [sha256.Size]byte) (Caller, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, ok := o.cached[sum]
	return k.caller, ok && o.now().Before(k.until)
}

func (o *Online) remember(sum [sha256.Size]byte, c Caller, asked time.Time) {
	until := asked.Add(o.keep)
	if c.Expires.Before(until) {
		until = c.Expires
	}
	now := o.now()
	if !now.Before(until) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.cached) >= maxCached {
		for one, k := range o.cached {
			if !now.Before(k.until) {
				delete(o.cached, one)
			}
		}
		if len(o.cached) >= maxCached { // all of them count: asking again is cheaper than any order
			clear(o.cached)
		}
	}
	o.cached[sum] = kept{c, until}
}
