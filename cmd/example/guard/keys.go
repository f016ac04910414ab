package guard

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// publicKey is a key and the one algorithm that it is for.
type publicKey struct {
	alg string
	key any // ed25519.PublicKey or *ecdsa.PublicKey
}

// maxList is how long an answer of Gatehouse may be, in bytes.
const maxList = 64 << 10

// fetchKeys reads a JWK Set (RFC 7517 5). Keys that it does not understand it
// leaves out (RFC 7517 5), but one key at least there has to be.
func fetchKeys(ctx context.Context, c *http.Client, url string) (map[string]publicKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", answer.StatusCode)
	}
	var set struct{ Keys []jwk }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxList)).Decode(&set); err != nil {
		return nil, fmt.Errorf("no list of keys: %w", err)
	}
	keys := map[string]publicKey{}
	for _, j := range set.Keys {
		if k, ok := j.public(); ok {
			keys[j.ID] = k
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no key in the list")
	}
	return keys, nil
}

// jwk is a public key as Gatehouse publishes it (RFC 7517; Ed25519: RFC 8037 2).
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
	Alg   string `json:"alg"`
	ID    string `json:"kid"`
}

func (j jwk) public() (publicKey, bool) {
	x, badX := base64.RawURLEncoding.DecodeString(j.X)
	y, badY := base64.RawURLEncoding.DecodeString(j.Y)
	if badX != nil || badY != nil || j.ID == "" {
		return publicKey{}, false
	}
	switch j.Type + " " + j.Curve + " " + j.Alg {
	case "OKP Ed25519 EdDSA":
		return publicKey{j.Alg, ed25519.PublicKey(x)}, len(x) == ed25519.PublicKeySize
	case "EC P-256 ES256":
		if len(x) != 32 || len(y) != 32 {
			return publicKey{}, false
		}
		point := append(append([]byte{4}, x...), y...) // SEC 1, 2.3.3
		k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		return publicKey{j.Alg, k}, err == nil
	}
	return publicKey{}, false
}
