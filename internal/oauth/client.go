package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"regexp"
	"time"

	"gatehouse/internal/user"
)

// Client is another service that may ask about tokens and revoke them.
type Client struct {
	// ID is the "client_id" (RFC 6749 2.2), chosen by the operator. It is no
	// secret.
	ID string
	// Hash is the SHA-256 of the secret. A slow hash such as argon2 would add
	// nothing: it makes up for what people choose, and the secret is 256 random
	// bits (NIST SP 800-63B 5.1.2.2 asks for it below 112). It would cost a
	// caller some 50 ms with every question.
	Hash    [sha256.Size]byte
	Created time.Time // millisecond precision
}

// MaxID is how many characters an id may have.
const MaxID = 60

// ids are ASCII, so that no two look alike, and need no escape in a URL, a shell
// or an Authorization header.
var ids = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// secretChars is how long a secret is as text: 32 bytes in base64url.
const secretChars = 43

// Errors of this package and of the stores behind it. Compare with errors.Is.
var (
	// ErrID: the text cannot be an id.
	ErrID = errors.New("oauth: not an id: want small letters, digits, dots, hyphens and underscores, at most 60, from a letter or digit to a letter or digit")
	// ErrTaken: another client has that id.
	ErrTaken = errors.New("oauth: the id is taken")
	// ErrNotFound: there is no client of that id.
	ErrNotFound = errors.New("oauth: no such client")
	// ErrCredentials: there is no client of that id with that secret.
	ErrCredentials = errors.New("oauth: wrong id or secret")
	// ErrUnavailable: the database did not answer.
	ErrUnavailable = user.ErrUnavailable
)

// Clients keeps the clients of an installation. Every method may also return an
// error that wraps [ErrUnavailable] or the context's error.
type Clients interface {
	// Add adds c. ErrTaken.
	Add(ctx context.Context, c Client) error
	// ByID returns the client called id. ErrNotFound.
	ByID(ctx context.Context, id string) (Client, error)
	// List returns all clients, by id.
	List(ctx context.Context) ([]Client, error)
	// Delete removes the client called id and reports whether it was there. Its
	// secret counts no more from the moment that this returns.
	Delete(ctx context.Context, id string) (bool, error)
}

// NewClient returns a client called id, to be added, and its secret, which nobody can
// find out again. ErrID.
func NewClient(id string, now time.Time) (Client, string, error) {
	if len(id) > MaxID || !ids.MatchString(id) {
		return Client{}, "", ErrID
	}
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	secret := base64.RawURLEncoding.EncodeToString(b[:])
	return Client{ID: id, Hash: sha256.Sum256([]byte(secret)), Created: now.Truncate(time.Millisecond)}, secret, nil
}

// Authenticate returns the client that id and secret are of, or ErrCredentials.
// How long it takes tells nothing about a secret, and about an id only whether
// there is such a client, which is no secret.
func Authenticate(ctx context.Context, s Clients, id, secret string) (Client, error) {
	if len(id) > MaxID || !ids.MatchString(id) || len(secret) != secretChars { // what no database need be asked for
		return Client{}, ErrCredentials
	}
	c, err := s.ByID(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return Client{}, ErrCredentials
	case err != nil:
		return Client{}, err
	}
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], c.Hash[:]) != 1 {
		return Client{}, ErrCredentials
	}
	return c, nil
}
