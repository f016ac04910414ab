package token

import (
	"errors"
	"testing"
)

// FuzzVerify: no text but the tokens we have signed is accepted, none makes the
// program fall over, and every refusal is a refusal, not a failure.
func FuzzVerify(f *testing.F) {
	worlds := map[string]*world{}
	for _, alg := range []Algorithm{EdDSA, ES256} {
		w := newWorld(f, alg)
		text := w.issue()
		worlds[text] = w
		f.Add(text)
		f.Add(w.sign(alg, w.signer().key, `{"alg":"none"}`, w.payload().String()))
		f.Add(unsigned(w.header(w.signer()).String(), w.payload().with("aud", `["a"]`).String()) + ".AA")
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		for genuine, w := range worlds {
			_, err := w.verifier.Verify(ctx, text)
			if text == genuine && err != nil {
				t.Errorf("refused: %v", err)
			}
			if text != genuine && !errors.Is(err, ErrToken) {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}

// FuzzPayload reads payloads that somebody has got signed.
func FuzzPayload(f *testing.F) {
	w := newWorld(f, EdDSA)
	s := w.signer()
	f.Add(w.payload().String())
	f.Add(w.payload().with("nbf", "1", "aud", `["https://api.example"]`).String())
	f.Add(`{"exp":1e400,"exp":{}}`)
	f.Add("null")
	f.Fuzz(func(t *testing.T, payload string) {
		w.t = t
		c, err := w.verifier.Verify(ctx, w.sign(EdDSA, s.key, w.header(s).String(), payload))
		if err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v", payload, err)
		}
		if err == nil && (!isRandom(string(c.User)) || c.Expires.Sub(c.Issued) > MaxLifetime || !at.Before(c.Expires)) {
			t.Errorf("%q: accepted as %+v", payload, c)
		}
	})
}
