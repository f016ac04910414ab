package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// jwk is the public part of a key as others read it (RFC 7517; Ed25519: RFC
// 8037 2). It has no field for anything private.
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y,omitempty"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	ID    string `json:"kid"`
}

func newJWK(id string, alg Algorithm, key crypto.PublicKey) (jwk, error) {
	j := jwk{Use: "sig", Alg: string(alg), ID: id}
	encode := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case ed25519.PublicKey:
		j.Type, j.Curve, j.X = "OKP", "Ed25519", encode(k)
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, then both coordinates in full length (SEC 1, 2.3.3)
		if err != nil {
			return jwk{}, err
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
		j.Type, j.Curve, j.X, j.Y = "EC", "P-256", encode(x), encode(y)
	default:
		return jwk{}, errors.New("token: no public key")
	}
	return j, nil
}

// JWKS returns the keys that sign, will sign or have signed tokens that may
// still count, as a JWK Set (RFC 7517 5). Readers may keep it for [Announce].
func (k *Keyring) JWKS() []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	s := k.set.Load()
	for _, one := range Schedule(s.keys, k.now()) {
		if p := s.public[one.ID]; p != nil && one.State != Past {
			set.Keys = append(set.Keys, p.jwk)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic(err) // strings only
	}
	return text
}
