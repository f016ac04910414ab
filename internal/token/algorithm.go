package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithm names how tokens are signed, as in the header "alg".
type Algorithm string

// The algorithms: all there are.
const (
	EdDSA Algorithm = "EdDSA" // Ed25519, RFC 8037
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256, RFC 7518 3.4
)

// ParseAlgorithm returns the algorithm named s and whether there is one. Case
// counts, as in RFC 7515 4.1.1.
func ParseAlgorithm(s string) (Algorithm, bool) {
	switch a := Algorithm(s); a {
	case EdDSA, ES256:
		return a, true
	}
	return "", false
}

func (a Algorithm) method() jwt.SigningMethod {
	if a == ES256 {
		return jwt.SigningMethodES256
	}
	return jwt.SigningMethodEdDSA
}

// generate makes a new private key.
func (a Algorithm) generate() (crypto.Signer, error) {
	if a == ES256 {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

// fits reports whether public is a key of this algorithm.
func (a Algorithm) fits(public crypto.PublicKey) bool {
	switch p := public.(type) {
	case ed25519.PublicKey:
		return a == EdDSA && len(p) == ed25519.PublicKeySize
	case *ecdsa.PublicKey:
		return a == ES256 && p.Curve == elliptic.P256()
	}
	return false
}
