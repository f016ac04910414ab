package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// Sealer keeps the private parts of keys unreadable in the database, so that a
// copy of it signs nothing (AES-256-GCM, the key by HKDF-SHA256 of a secret).
// The nil Sealer seals nothing and opens what is not sealed.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns the Sealer of secret, which has to be random: nothing slows
// guessing down. Nil if secret is empty.
func NewSealer(secret string) (*Sealer, error) {
	if secret == "" {
		return nil, nil
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "gatehouse signing keys 1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &Sealer{aead}, err
}

// The first byte says how the rest is written.
const (
	plainly = 0
	sealed  = 1
)

// isSealed reports whether the private part is unreadable as it is.
func (k Key) isSealed() bool { return len(k.Private) > 0 && k.Private[0] == sealed }

// bound is what a sealed private part belongs to: moved to another row it no
// longer opens.
func (k Key) bound() []byte {
	return append([]byte(k.ID+"."+string(k.Alg)+"."), k.Public...)
}

func (s *Sealer) seal(k Key, secret []byte) ([]byte, error) {
	if s == nil {
		return append([]byte{plainly}, secret...), nil
	}
	return s.aead.Seal([]byte{sealed}, nil, secret, k.bound()), nil
}

// open returns the private part. ErrSealed.
func (s *Sealer) open(k Key) ([]byte, error) {
	switch {
	case len(k.Private) == 0:
		return nil, ErrSealed
	case k.Private[0] == plainly:
		return k.Private[1:], nil
	case k.Private[0] != sealed || s == nil:
		return nil, ErrSealed
	}
	secret, err := s.aead.Open(nil, nil, k.Private[1:], k.bound())
	if err != nil {
		return nil, ErrSealed
	}
	return secret, nil
}
