package token

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Key is a signing key as stores keep it. Times have millisecond precision.
type Key struct {
	// ID is the "kid": 16 random bytes in hexadecimal digits. It says nothing
	// about the key.
	ID string
	// Seq numbers the keys in the order in which they were added, from 1. A
	// store has each number once; that decides between nodes that add at once.
	Seq int64
	Alg Algorithm
	// Public is the public key as PKIX DER (RFC 5280).
	Public []byte
	// Private is the private key as PKCS #8 DER (RFC 5958), behind a [Sealer].
	Private []byte
	Created time.Time
	Signs   time.Time // signs from then on
}

// keyIDLength is that of the hexadecimal digits.
const keyIDLength = 32

// newKey makes a key that signs from signs on.
func newKey(alg Algorithm, sealer *Sealer, seq int64, now, signs time.Time) (Key, error) {
	private, err := alg.generate()
	if err != nil {
		return Key{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return Key{}, err
	}
	var id [keyIDLength / 2]byte
	rand.Read(id[:]) // never fails (crypto/rand)
	k := Key{
		ID: hex.EncodeToString(id[:]), Seq: seq, Alg: alg, Public: public,
		Created: now.Truncate(time.Millisecond), Signs: signs.Truncate(time.Millisecond),
	}
	k.Private, err = sealer.seal(k, secret)
	return k, err
}

// isKeyID reports whether s can be the id of a key. Anything else is not worth
// a question.
func isKeyID(s string) bool {
	if len(s) != keyIDLength {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// public is the part of a key that verifies, ready for use.
type public struct {
	id  string
	alg Algorithm
	der []byte
	key crypto.PublicKey
	jwk jwk
}

// same reports whether p is still what k says.
func (p *public) same(k Key) bool { return p.alg == k.Alg && bytes.Equal(p.der, k.Public) }

// readPublic takes the public part out of a stored key.
func readPublic(k Key) (*public, error) {
	if _, known := ParseAlgorithm(string(k.Alg)); !known || !isKeyID(k.ID) {
		return nil, errors.New("token: unknown algorithm, or no key id")
	}
	key, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return nil, err
	}
	if !k.Alg.fits(key) {
		return nil, fmt.Errorf("token: not a key for %s", k.Alg)
	}
	jwk, err := newJWK(k.ID, k.Alg, key)
	return &public{id: k.ID, alg: k.Alg, der: k.Public, key: key, jwk: jwk}, err
}

// readPrivate opens the private part of a stored key, which has to belong to
// the public one. ErrSealed.
func readPrivate(k Key, p *public, sealer *Sealer) (crypto.Signer, error) {
	secret, err := sealer.open(k)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		// Not the parser's words: they are about a secret.
		return nil, errors.New("token: the private part of the key cannot be read")
	}
	signer, ok := key.(crypto.Signer)
	if !ok || !p.key.(interface{ Equal(crypto.PublicKey) bool }).Equal(signer.Public()) {
		return nil, errors.New("token: the two parts of the key do not belong together")
	}
	return signer, nil
}
