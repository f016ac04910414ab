package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// refreshToken is what the client of a bearer session holds to be given its
// next access token. It is good for one use (RFC 6819, 5.2.2.3; RFC 9700,
// 4.14.2), which brings its successor.
type refreshToken struct {
	session    ID
	generation uint32 // 1 for the one that the session began with
	secret     refreshSecret
}

type refreshSecret [32]byte

// newRefreshSecret returns the secret of a session's first refresh token.
func newRefreshSecret() (s refreshSecret) {
	rand.Read(s[:]) // never fails (crypto/rand)
	return s
}

// hash is what stores may know of s.
func (s refreshSecret) hash() [32]byte { return sha256.Sum256(s[:]) }

// Format of a refresh token, before base64url:
//
//	 0  32  SHA-256 of the session's token: the session id as bytes
//	32   4  generation, big-endian
//	36  32  secret
//	68  16  MAC of all before it
//
// Session ids are public and a spent token ends its session. So that nobody who
// has only read an id can make up a "spent" token, none counts that we have not
// issued: that is what the MAC tells, before any store is asked.
const (
	refreshBody  = 32 + 4 + 32
	refreshMAC   = 16
	refreshChars = (refreshBody + refreshMAC) / 3 * 4
)

// refreshKey makes and recognises refresh tokens. It alone opens nothing: the
// secret in a token has to be the one whose hash the session's record has.
type refreshKey [32]byte

// Each use of the key has a text of its own in front, none of which begins
// another, so that what is made for one can never pass for the other.
const (
	forMAC       = "gatehouse refresh token\x00"
	forSuccessor = "gatehouse refresh successor\x00"
)

func (k *refreshKey) sum(use string, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(use))
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// successor returns the secret that follows s after a rotation marked by nonce.
// It can be worked out again by who shows s and is told the nonce, so that a
// retry gets the same token although no store has it; who has read the store
// does not have s.
func (k *refreshKey) successor(nonce [16]byte, s refreshSecret) (next refreshSecret) {
	copy(next[:], k.sum(forSuccessor, nonce[:], s[:]))
	return next
}

// seal returns t as text. ErrID if its session cannot be one.
func (k *refreshKey) seal(t refreshToken) (string, error) {
	id, err := ParseID(string(t.session))
	if err != nil {
		return "", err
	}
	b := make([]byte, 0, refreshBody+refreshMAC)
	b, err = base64.RawURLEncoding.AppendDecode(b, []byte(id))
	if err != nil {
		return "", err
	}
	b = binary.BigEndian.AppendUint32(b, t.generation)
	b = append(b, t.secret[:]...)
	b = append(b, k.sum(forMAC, b)[:refreshMAC]...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// open is the inverse of seal. ErrToken if the text is not a token that k has
// sealed, byte for byte.
func (k *refreshKey) open(text string) (refreshToken, error) {
	if len(text) != refreshChars { // first, so that a long text costs nothing
		return refreshToken{}, ErrToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != refreshBody+refreshMAC {
		return refreshToken{}, ErrToken // base64 passes over line breaks
	}
	if !hmac.Equal(b[refreshBody:], k.sum(forMAC, b[:refreshBody])[:refreshMAC]) {
		return refreshToken{}, ErrToken
	}
	return refreshToken{
		session:    ID(base64.RawURLEncoding.EncodeToString(b[:32])),
		generation: binary.BigEndian.Uint32(b[32:]),
		secret:     refreshSecret(b[36:refreshBody]),
	}, nil
}
