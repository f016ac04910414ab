package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
)

// signer makes a key of a stranger.
func signer(w *world, alg Algorithm) crypto.Signer {
	w.t.Helper()
	s, err := alg.generate()
	w.must(err)
	return s
}

// keyForms returns the ways in which a public key may be taken for a secret.
func keyForms(w *world, p *public) map[string][]byte {
	w.t.Helper()
	jwkText, err := json.Marshal(p.jwk)
	w.must(err)
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der})
	point, ok := p.key.(ed25519.PublicKey)
	if !ok {
		var err error
		point, err = p.key.(*ecdsa.PublicKey).Bytes()
		w.must(err)
	}
	again, err := x509.MarshalPKIXPublicKey(p.key)
	w.must(err)
	return map[string][]byte{
		"raw bytes":                 point,
		"base64url of it":           []byte(encode(point)),
		"PEM":                       block,
		"PEM without a last break":  bytes.TrimSuffix(block, []byte("\n")),
		"DER":                       again,
		"base64 of the DER":         []byte(base64.StdEncoding.EncodeToString(again)),
		"JWK":                       jwkText,
		"JWKS":                      w.ring.JWKS(),
		"nothing, as a weak secret": {},
		"the word secret":           []byte("secret"),
	}
}

// plus adds n to a little-endian number of 32 bytes.
func plus(number []byte, n *big.Int) []byte {
	big32 := slices.Clone(number)
	slices.Reverse(big32)
	sum := new(big.Int).Add(new(big.Int).SetBytes(big32), n).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return sum
}

func flipped(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

func hashOf(s string) []byte {
	h := crypto.SHA512.New()
	h.Write([]byte(s))
	return h.Sum(nil)
}

// looseEnd sets one of the bits behind the last byte of the signature, which
// a lenient decoder ignores: the same signature in another text.
func looseEnd(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1])
}

// loosely is base64url with such a bit, whatever the length.
func loosely(text string) string {
	for len(text)%3 == 0 {
		text += " "
	}
	return looseEnd(encodeText(text))
}
