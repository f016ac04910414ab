package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// TestJWKS: what is published verifies our tokens for somebody who has nothing
// else, and has no private member (RFC 7517 9.2, RFC 7518 6.2.2, RFC 8037 2).
func TestJWKS(t *testing.T) {
	for _, alg := range []Algorithm{EdDSA, ES256} {
		for range 20 { // coordinates that begin with zeros come up now and then
			w := newWorld(t, alg)
			text := w.ring.JWKS()
			var set struct{ Keys []map[string]string }
			w.must(json.Unmarshal(text, &set))
			if len(set.Keys) != 1 {
				t.Fatalf("%s", text)
			}
			key := set.Keys[0]
			want := map[Algorithm][]string{
				EdDSA: {"alg", "crv", "kid", "kty", "use", "x"},
				ES256: {"alg", "crv", "kid", "kty", "use", "x", "y"},
			}[alg]
			if got := slices.Sorted(maps.Keys(key)); !slices.Equal(got, want) {
				t.Errorf("%s: members %q, want %q", alg, got, want)
			}
			if key["alg"] != string(alg) || key["use"] != "sig" || key["kid"] != w.signer().id {
				t.Errorf("%s: %s", alg, text)
			}
			token := w.issue()
			what, signature, _ := cutLast(token)
			s, err := base64.RawURLEncoding.DecodeString(signature)
			w.must(err)
			x, err := base64.RawURLEncoding.DecodeString(key["x"])
			w.must(err)
			good := false
			if alg == EdDSA {
				good = key["kty"] == "OKP" && key["crv"] == "Ed25519" && ed25519.Verify(x, []byte(what), s)
			} else {
				y, err := base64.RawURLEncoding.DecodeString(key["y"])
				w.must(err)
				public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
				w.must(err)
				hash := sha256.Sum256([]byte(what))
				good = key["kty"] == "EC" && key["crv"] == "P-256" && len(x) == 32 && len(y) == 32 &&
					ecdsa.Verify(public, hash[:], new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:]))
			}
			if !good {
				t.Errorf("%s: a token does not verify by %s", alg, text)
			}
			// Nor is the secret there under another name or encoding.
			for _, secret := range secretsOf(w) {
				for _, form := range []string{string(secret), encode(secret), base64.StdEncoding.EncodeToString(secret)} {
					if strings.Contains(string(text), form) {
						t.Errorf("%s: a private key is published", alg)
					}
				}
			}
		}
	}
}

func cutLast(token string) (before, after string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	return token[:i], token[i+1:], i >= 0
}

func secretsOf(w *world) [][]byte {
	w.t.Helper()
	secrets := [][]byte{w.store.keys[0].Private[1:]}
	switch k := w.signer().key.(type) {
	case ed25519.PrivateKey:
		secrets = append(secrets, k, k.Seed())
	case *ecdsa.PrivateKey:
		d, err := k.Bytes()
		w.must(err)
		secrets = append(secrets, d)
	default:
		w.t.Fatalf("a %T signs", k)
	}
	return secrets
}

func TestJWKSWithoutKeys(t *testing.T) {
	if got := string(NewKeyring(KeyringConfig{Now: (&clock{now: at}).Now}).JWKS()); got != `{"keys":[]}` {
		t.Error(got)
	}
}
