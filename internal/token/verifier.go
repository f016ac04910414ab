package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Verifier checks access tokens. It says whether a token is ours and counts
// now, not whether its session lives. It is safe for concurrent use and opens
// no connection but that of its [Keys].
type Verifier struct {
	keys    *Keyring
	parties Parties
	parsers map[Algorithm]*jwt.Parser
	memo    *memo // nil: none
}

// NewVerifier returns a Verifier for tokens between p. It remembers up to
// remembered tokens whose signature it has verified; 0 is none.
func NewVerifier(keys *Keyring, p Parties, remembered int) (*Verifier, error) {
	// An empty string would turn the comparison off (jwt.Validator).
	if p.Issuer == "" || p.Audience == "" {
		return nil, fmt.Errorf("token: issuer %q and audience %q: both are needed", p.Issuer, p.Audience)
	}
	v := &Verifier{keys: keys, parties: p, parsers: map[Algorithm]*jwt.Parser{}}
	for _, alg := range []Algorithm{EdDSA, ES256} {
		v.parsers[alg] = jwt.NewParser(
			jwt.WithValidMethods([]string{string(alg)}),
			jwt.WithStrictDecoding(),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithIssuer(p.Issuer),
			jwt.WithAudience(p.Audience),
			jwt.WithLeeway(Leeway),
			jwt.WithTimeFunc(keys.now),
		)
	}
	if remembered > 0 {
		v.memo = newMemo(remembered)
	}
	return v, nil
}

// Parties returns between whom the tokens count that v accepts.
func (v *Verifier) Parties() Parties { return v.parties }

// Verify returns what the token says. ErrToken, a *RefusedError, if it does not
// count; ErrUnavailable if that cannot be told, because it names a key that this
// node does not know and the list of keys cannot be read.
//
// What costs least comes first: the size, the form, the header, and only with a
// key of ours in hand payload and signature.
func (v *Verifier) Verify(ctx context.Context, text string) (Claims, error) {
	if len(text) > MaxSize {
		return Claims{}, refused("too long")
	}
	var in [1 << 10]byte // on the stack: every check by a token does this
	sum := sha256.Sum256(append(in[:0], text...))
	if c, ok := v.memo.get(sum, v.keys); ok {
		return c, nil
	}
	c, key, err := v.verify(ctx, text)
	if err != nil {
		return Claims{}, err
	}
	v.memo.put(sum, c, key)
	return c, nil
}

func (v *Verifier) verify(ctx context.Context, text string) (Claims, *public, error) {
	parts, reason := split(text)
	if reason != "" {
		return Claims{}, nil, refused(reason)
	}
	h, reason := readHeader(parts[0])
	switch {
	case reason != "":
		return Claims{}, nil, refused(reason)
	case !isAccessToken(h.typ):
		return Claims{}, nil, refused("header: typ is not that of an access token")
	case !isKeyID(h.kid):
		return Claims{}, nil, refused("header: kid is none of ours")
	}
	if _, known := ParseAlgorithm(h.alg); !known {
		return Claims{}, nil, refused("header: alg is none of ours")
	}
	key, err := v.keys.find(ctx, h.kid)
	if err != nil {
		return Claims{}, nil, err
	}
	// The key says what it is for, never the token.
	if h.alg != string(key.alg) {
		return Claims{}, nil, refused("header: alg is not that of the key")
	}
	var w wire
	_, err = v.parsers[key.alg].ParseWithClaims(text, &w, func(*jwt.Token) (any, error) { return key.key, nil })
	if err != nil {
		return Claims{}, nil, refused(reasonOf(err))
	}
	c, err := w.claims()
	if err != nil {
		return Claims{}, nil, err
	}
	// The parser has its leeway in both directions; a token never counts longer
	// than it says.
	if !v.keys.now().Before(c.Expires) {
		return Claims{}, nil, refused("expired")
	}
	return c, key, nil
}

// reasonOf puts what the parser says into fixed words: its own may repeat what
// the token says.
func reasonOf(err error) string {
	var ours *RefusedError
	if errors.As(err, &ours) {
		return ours.Reason
	}
	for _, one := range []struct {
		err    error
		reason string
	}{
		{jwt.ErrTokenSignatureInvalid, "the signature does not fit"},
		{jwt.ErrTokenExpired, "expired"},
		{jwt.ErrTokenNotValidYet, "does not count yet"},
		{jwt.ErrTokenUsedBeforeIssued, "issued in the future"},
		{jwt.ErrTokenInvalidIssuer, "another issuer"},
		{jwt.ErrTokenInvalidAudience, "for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "a claim is missing"},
		{jwt.ErrTokenMalformed, "malformed"},
	} {
		if errors.Is(err, one.err) {
			return one.reason
		}
	}
	return "not a token"
}
