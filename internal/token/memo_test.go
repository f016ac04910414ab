package token

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// remembering returns a verifier of w's node that remembers n tokens.
func (w *world) remembering(n int) *Verifier {
	w.t.Helper()
	v, err := NewVerifier(w.ring, parties, n)
	w.must(err)
	return v
}

// size returns how many tokens are remembered.
func (m *memo) size() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.young) + len(m.old)
}

func TestMemoSaysTheSame(t *testing.T) {
	w := newWorld(t, EdDSA)
	v := w.remembering(10)
	text := w.issue()
	first, err := v.Verify(ctx, text)
	w.must(err)
	second, err := v.Verify(ctx, text)
	w.must(err)
	if first != second || v.memo.size() != 1 {
		t.Errorf("%+v, then %+v; %d remembered", first, second, v.memo.size())
	}
}

// A remembered signature does not outlive the token.
func TestMemoNeverOutlivesTheToken(t *testing.T) {
	w := newWorld(t, EdDSA)
	v := w.remembering(10)
	text := w.issue()
	_, err := v.Verify(ctx, text)
	w.must(err)
	w.set(at.Add(time.Minute - time.Nanosecond))
	if _, err := v.Verify(ctx, text); err != nil {
		t.Error(err)
	}
	w.set(at.Add(time.Minute))
	if _, err := v.Verify(ctx, text); !errors.Is(err, ErrToken) || v.memo.size() != 0 {
		t.Errorf("%v; %d remembered", err, v.memo.size())
	}
}

// Nor its key, whether that is revoked, past, or replaced by another of the
// same name.
func TestMemoNeverOutlivesTheKey(t *testing.T) {
	for name, lose := range map[string]func(w *world){
		"revoked": func(w *world) {
			_, err := Revoke(ctx, w.store, nil, w.signer().id, w.Now())
			w.must(err)
		},
		"past": func(w *world) { // a key that began to sign long ago was not known to this node
			k, err := newKey(EdDSA, nil, 2, at, at.Add(-verifiesFor))
			w.must(err)
			w.store.keys[0].Signs = at.Add(-2 * verifiesFor)
			w.must(w.store.Add(ctx, k))
		},
		"another of that name": func(w *world) {
			k, err := newKey(EdDSA, nil, 1, at, at)
			w.must(err)
			k.ID = w.store.keys[0].ID
			w.store.keys = []Key{k}
		},
	} {
		w := newWorld(t, EdDSA)
		v := w.remembering(10)
		text := w.issue()
		_, err := v.Verify(ctx, text)
		w.must(err)
		lose(w)
		w.must(w.ring.Reload(ctx))
		if _, err := v.Verify(ctx, text); !errors.Is(err, ErrToken) || v.memo.size() != 0 {
			t.Errorf("%s: %v; %d remembered", name, err, v.memo.size())
		}
	}
}

// Reading the list again forgets nothing.
func TestMemoSurvivesAReload(t *testing.T) {
	w := newWorld(t, ES256)
	v := w.remembering(10)
	_, err := v.Verify(ctx, w.issue())
	w.must(err)
	before := w.signer().public
	w.must(w.ring.Maintain(ctx))
	if w.signer().public != before || v.memo.size() != 1 {
		t.Error("the same key became another one")
	}
}

func TestMemoIsBounded(t *testing.T) {
	w := newWorld(t, EdDSA)
	const size = 20
	v := w.remembering(size)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				text, _, err := w.issuer.Issue(w.session())
				if err == nil {
					_, err = v.Verify(ctx, text)
				}
				if err != nil {
					t.Error(err)
				}
				if n := v.memo.size(); n > size {
					t.Errorf("%d remembered, want at most %d", n, size)
				}
			}
		})
	}
	wg.Wait()
	if n := v.memo.size(); n < size/2 {
		t.Errorf("%d remembered after 400 tokens", n)
	}
}

// What is refused is not remembered: nobody can push good tokens out, or have
// a refusal stick.
func TestMemoRemembersNoRefusal(t *testing.T) {
	w := newWorld(t, EdDSA)
	v := w.remembering(10)
	for i := range 100 {
		if _, err := v.Verify(ctx, fmt.Sprintf("%s%d", w.issue(), i)); err == nil {
			t.Fatal("accepted")
		}
	}
	text := w.issue()
	w.set(at.Add(-time.Minute))
	if _, err := v.Verify(ctx, text); !errors.Is(err, ErrToken) || v.memo.size() != 0 {
		t.Errorf("%v; %d remembered", err, v.memo.size())
	}
	w.set(at)
	if _, err := v.Verify(ctx, text); err != nil {
		t.Error(err)
	}
}
