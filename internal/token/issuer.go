package token

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/session"
)

// Parties says between whom tokens count.
type Parties struct {
	Issuer   string // "iss": the public URL of the installation
	Audience string // "aud": the API that they are for
}

// Issuer makes access tokens. It is safe for concurrent use.
type Issuer struct {
	keys     *Keyring
	parties  Parties
	lifetime time.Duration
}

// NewIssuer returns an Issuer whose tokens count for lifetime, whole seconds up
// to [MaxLifetime].
func NewIssuer(keys *Keyring, p Parties, lifetime time.Duration) (*Issuer, error) {
	if p.Issuer == "" || p.Audience == "" {
		return nil, fmt.Errorf("token: issuer %q and audience %q: both are needed", p.Issuer, p.Audience)
	}
	if lifetime < time.Second || lifetime > MaxLifetime || lifetime%time.Second != 0 {
		return nil, fmt.Errorf("token: a lifetime of %v: want whole seconds, from 1s to %v", lifetime, MaxLifetime)
	}
	return &Issuer{keys, p, lifetime}, nil
}

// Ready returns ErrUnavailable if Issue would: for whoever has something to
// spend before it.
func (i *Issuer) Ready() error {
	_, err := i.keys.set.Load().signs(i.keys.now())
	return err
}

// Issue returns an access token for s, and what it says. It expires with the
// session's absolute deadline if that comes first, for readers who do not ask
// about the session. ErrUnavailable, if this node cannot know which key signs.
func (i *Issuer) Issue(s session.Session) (string, Claims, error) {
	now := i.keys.now()
	key, err := i.keys.set.Load().signs(now)
	if err != nil {
		return "", Claims{}, err
	}
	var id [16]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	issued := now.Truncate(time.Second).UTC()
	c := Claims{
		ID:   base64.RawURLEncoding.EncodeToString(id[:]),
		User: s.User, Session: s.ID, Role: s.Role,
		Issued:  issued,
		Expires: issued.Add(i.lifetime),
	}
	if end := s.Deadline.Truncate(time.Second).UTC(); end.Before(c.Expires) {
		c.Expires = end
	}
	t := jwt.NewWithClaims(key.alg.method(), &wire{
		Issuer: i.parties.Issuer, Audience: jwt.ClaimStrings{i.parties.Audience},
		Subject: string(c.User), Client: ClientID, Session: string(c.Session), Role: string(c.Role), ID: c.ID,
		Issued: c.Issued.Unix(), Expires: c.Expires.Unix(),
	})
	t.Header["typ"], t.Header["kid"] = "at+jwt", key.id
	signed, err := t.SignedString(key.key)
	if err != nil {
		return "", Claims{}, fmt.Errorf("token: %w", err)
	}
	return signed, c, nil
}
