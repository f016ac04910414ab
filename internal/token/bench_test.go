package token

import "testing"

// BenchmarkToken: what a token costs to sign, to verify, and to verify again.
func BenchmarkToken(b *testing.B) {
	for _, alg := range []Algorithm{EdDSA, ES256} {
		w := newWorld(b, alg)
		s := w.session()
		text := w.issue()
		memo := w.remembering(100)
		b.Run(string(alg)+"/sign", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := w.issuer.Issue(s); err != nil {
					b.Fatal(err)
				}
			}
		})
		for name, v := range map[string]*Verifier{"verify": w.verifier, "remembered": memo} {
			b.Run(string(alg)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(ctx, text); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(string(alg)+"/verify forged", func(b *testing.B) {
			b.ReportAllocs()
			forged := text[:len(text)-10] + "AAAAAAAAAA"
			for b.Loop() {
				if _, err := w.verifier.Verify(ctx, forged); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}
