package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var ctx = context.Background()

func (w *world) states() string {
	w.t.Helper()
	var all []string
	for _, k := range Schedule(w.store.keys, w.Now()) {
		all = append(all, fmt.Sprintf("%d %s", k.Seq, k.State))
	}
	return strings.Join(all, ", ")
}

// TestLifeOfAKey follows two keys through a rotation.
func TestLifeOfAKey(t *testing.T) {
	w := newWorld(t, EdDSA)
	step := func(to time.Time, states string, published int) {
		t.Helper()
		w.set(to)
		w.must(w.ring.Maintain(ctx))
		if got := w.states(); got != states {
			t.Errorf("%v: %s, want %s", to.Sub(at), got, states)
		}
		if n := strings.Count(string(w.ring.JWKS()), `"kid"`); n != published {
			t.Errorf("%v: %d keys are published, want %d", to.Sub(at), n, published)
		}
	}
	rotation := at.Add(30 * 24 * time.Hour)
	step(at, "1 signing", 1)
	step(rotation.Add(-Announce-time.Second), "1 signing", 1)
	step(rotation.Add(-Announce), "1 signing, 2 announced", 2)
	first := w.signer().id
	step(rotation.Add(-time.Millisecond), "1 signing, 2 announced", 2)
	last := w.issue()
	if w.signer().id != first {
		t.Error("the announced key signs already")
	}
	step(rotation, "1 retired, 2 signing", 2)
	if w.signer().id == first {
		t.Error("the retired key signs")
	}
	if _, err := w.verifier.Verify(ctx, last); err != nil {
		t.Errorf("the last token of the retired key: %v", err)
	}
	stolen := w.ring.set.Load().private[first]
	if stolen == nil {
		t.Fatal("no private key")
	}
	forged := func() string {
		return w.sign(EdDSA, stolen, object{"alg": `"EdDSA"`, "kid": quote(first), "typ": `"at+jwt"`}.String(), w.payload().String())
	}
	// Until the last token that it may have signed has expired, and not longer,
	// not even before anybody has removed it.
	w.set(rotation.Add(MaxLifetime + Leeway))
	if _, err := w.verifier.Verify(ctx, forged()); err != nil {
		t.Errorf("gone too early: %v", err)
	}
	w.set(rotation.Add(verifiesFor))
	if _, err := w.verifier.Verify(ctx, forged()); !errors.Is(err, ErrToken) {
		t.Errorf("by a key that is past: %v", err)
	}
	if n := strings.Count(string(w.ring.JWKS()), `"kid"`); n != 1 {
		t.Errorf("%d keys are published, one is past", n)
	}
	step(rotation.Add(verifiesFor), "2 signing", 1)
}

// TestRevokedKey: at once on the node that reads next, on others when they do.
func TestRevokedKey(t *testing.T) {
	w := newWorld(t, EdDSA)
	other, _, otherVerifier := w.node(EdDSA, nil)
	w.must(other.Start(ctx, w.store))
	text, thief := w.issue(), w.signer()
	if _, err := otherVerifier.Verify(ctx, text); err != nil {
		t.Fatal(err)
	}
	next, err := Revoke(ctx, w.store, nil, thief.id, w.Now())
	w.must(err)
	if next.ID == "" || w.states() != "2 signing" {
		t.Errorf("after revoking: %q, %s", next.ID, w.states())
	}
	for _, ring := range []*Keyring{w.ring, other} {
		w.must(ring.Maintain(ctx))
		if strings.Contains(string(ring.JWKS()), thief.id) {
			t.Error("a revoked key is published")
		}
	}
	forged := w.sign(EdDSA, thief.key, w.header(thief).String(), w.payload().String())
	for name, text := range map[string]string{"issued before": text, "signed by the thief": forged} {
		if _, err := otherVerifier.Verify(ctx, text); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.signer().id != next.ID {
		t.Error("another than the next key signs")
	}
	// A key that does not sign goes without a successor.
	waiting, err := Rotate(ctx, w.store, nil, Rotation{}, w.Now())
	w.must(err)
	if next, err := Revoke(ctx, w.store, nil, waiting.ID, w.Now()); err != nil || next.ID != "" || w.states() != "2 signing" {
		t.Errorf("revoking an announced key: %+v, %v, %s", next, err, w.states())
	}
	if _, err := Revoke(ctx, w.store, nil, waiting.ID, w.Now()); !errors.Is(err, ErrNoKey) {
		t.Errorf("revoked again: %v", err)
	}
}

func TestRotateByCommand(t *testing.T) {
	w := newWorld(t, ES256)
	k, err := Rotate(ctx, w.store, nil, Rotation{}, w.Now())
	w.must(err)
	if k.Alg != ES256 || !k.Signs.Equal(at.Add(Announce)) || w.states() != "1 signing, 2 announced" {
		t.Errorf("%+v, %s", k, w.states())
	}
	k, err = Rotate(ctx, w.store, nil, Rotation{Hurry: true}, w.Now())
	w.must(err)
	if !k.Signs.Equal(at.Add(soon)) || soon <= ReloadEvery {
		t.Errorf("in a hurry from %v on; nodes read every %v", k.Signs.Sub(at), ReloadEvery)
	}
	w.pass(soon)
	w.must(w.ring.Maintain(ctx))
	if w.signer().id != k.ID {
		t.Error("another key signs")
	}
	empty := &memKeys{}
	k, err = Rotate(ctx, empty, nil, Rotation{}, w.Now())
	w.must(err)
	if k.Alg != EdDSA || k.Seq != 1 {
		t.Errorf("the first key: %+v", k)
	}
}

// TestDatabaseAway: what is known is verified, what is not is not judged, and
// nobody signs by a list that may be old.
func TestDatabaseAway(t *testing.T) {
	w := newWorld(t, EdDSA)
	text := w.issue()
	away := fmt.Errorf("%w: pulled the plug", ErrUnavailable)
	w.store.setAway(away)
	w.pass(30 * time.Second)
	if err := w.ring.Maintain(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("maintain: %v", err)
	}
	if _, err := w.verifier.Verify(ctx, text); err != nil {
		t.Errorf("a known key: %v", err)
	}
	unknown := w.sign(EdDSA, w.signer().key, w.header(w.signer()).with("kid", quote(strings.Repeat("0", keyIDLength))).String(), w.payload().String())
	for range 2 { // the second time without asking
		if _, err := w.verifier.Verify(ctx, unknown); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrToken) {
			t.Errorf("an unknown key: %v", err)
		}
	}
	w.issue()
	w.pass(31 * time.Second)
	if _, _, err := w.issuer.Issue(w.session()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("signed by a list that is a minute old: %v", err)
	}
	w.store.setAway(nil)
	w.must(w.ring.Maintain(ctx))
	w.issue()
	if _, err := w.verifier.Verify(ctx, unknown); !errors.Is(err, ErrToken) || errors.Is(err, ErrUnavailable) {
		t.Errorf("an unknown key when the database is back: %v", err)
	}
	// At the start there is nothing to go by.
	w.store.setAway(away)
	ring, issuer, _ := w.node(EdDSA, nil)
	if err := ring.Start(ctx, w.store); !errors.Is(err, ErrUnavailable) {
		t.Errorf("start: %v", err)
	}
	if _, _, err := issuer.Issue(w.session()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("signed without a key: %v", err)
	}
}

// TestInventedKeyIDsDoNotReachTheDatabase more than once a second.
func TestInventedKeyIDsDoNotReachTheDatabase(t *testing.T) {
	w := newWorld(t, EdDSA)
	before := w.store.asked()
	for i := range 1000 {
		if i%250 == 0 {
			w.pass(askAgainAfter)
		}
		text := w.sign(EdDSA, w.signer().key, w.header(w.signer()).with("kid", quote(fmt.Sprintf("%032x", i))).String(), w.payload().String())
		if _, err := w.verifier.Verify(ctx, text); !errors.Is(err, ErrToken) {
			t.Fatal(err)
		}
	}
	if n := w.store.asked() - before; n != 4 {
		t.Errorf("1000 invented ids in 4 seconds asked %d times", n)
	}
}

// TestKeyOfAnotherNode: a token signed by a key made since is good at once.
func TestKeyOfAnotherNode(t *testing.T) {
	w := newWorld(t, EdDSA)
	other, otherIssuer, _ := w.node(EdDSA, nil)
	w.must(other.Start(ctx, w.store))
	_, err := Revoke(ctx, w.store, nil, w.signer().id, w.Now())
	w.must(err)
	w.must(other.Maintain(ctx))
	text, _, err := otherIssuer.Issue(w.session())
	w.must(err)
	w.pass(askAgainAfter)
	if _, err := w.verifier.Verify(ctx, text); err != nil {
		t.Error(err)
	}
}

func TestAnotherAlgorithmIsSet(t *testing.T) {
	w := newWorld(t, EdDSA)
	text := w.issue()
	ring, issuer, verifier := w.node(ES256, nil)
	w.must(ring.Start(ctx, w.store))
	if w.states() != "1 signing, 2 announced" || w.store.keys[1].Alg != ES256 {
		t.Errorf("%s, %s", w.states(), w.store.keys[1].Alg)
	}
	// The other node is still told the old one: no quarrel while both run.
	for range 3 {
		w.must(w.ring.Maintain(ctx))
		w.must(ring.Maintain(ctx))
	}
	w.pass(Announce)
	for range 3 {
		w.must(w.ring.Maintain(ctx))
		w.must(ring.Maintain(ctx))
	}
	if w.states() != "1 retired, 2 signing" {
		t.Error(w.states())
	}
	newer, _, err := issuer.Issue(w.session())
	w.must(err)
	for _, v := range []*Verifier{w.verifier, verifier} {
		if _, err := v.Verify(ctx, newer); err != nil {
			t.Error(err)
		}
		if _, err := v.Verify(ctx, text); err == nil {
			t.Error("a token from five minutes ago still counts")
		}
	}
}

func sealerOf(t *testing.T, secret string) *Sealer {
	t.Helper()
	s, err := NewSealer(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCopyOfTheDatabaseSignsNothing: without the secret, or with another, no
// private key comes out; nor if rows are moved about.
func TestCopyOfTheDatabaseSignsNothing(t *testing.T) {
	w := &world{t: t, clock: &clock{now: at}, store: &memKeys{}}
	secret, other := sealerOf(t, strings.Repeat("s", 32)), sealerOf(t, strings.Repeat("o", 32))
	for _, alg := range []Algorithm{EdDSA, ES256} {
		k, err := newKey(alg, secret, 1, at, at)
		w.must(err)
		private, err := readPublic(k)
		w.must(err)
		signer, err := readPrivate(k, private, secret)
		w.must(err)
		plain, err := newKey(alg, nil, 2, at, at)
		w.must(err)
		if !k.isSealed() || plain.isSealed() || bytes.Contains(k.Private, plain.Private[1:10]) {
			t.Errorf("%s: sealed %t, plain %t", alg, k.isSealed(), plain.isSealed())
		}
		for name, try := range map[string]struct {
			sealer *Sealer
			change func(*Key)
		}{
			"no secret":          {nil, func(*Key) {}},
			"another secret":     {other, func(*Key) {}},
			"under another id":   {secret, func(k *Key) { k.ID = plain.ID }},
			"another public key": {secret, func(k *Key) { k.Public = plain.Public }},
			"a bit turned":       {secret, func(k *Key) { k.Private = flipped(k.Private, 8*20) }},
			"said to be plain":   {secret, func(k *Key) { k.Private = flipped(k.Private, 0) }},
			"cut off":            {secret, func(k *Key) { k.Private = k.Private[:5] }},
			"nothing":            {secret, func(k *Key) { k.Private = nil }},
			"another private":    {secret, func(k *Key) { k.Private = plain.Private }},
		} {
			broken := k
			try.change(&broken)
			p, err := readPublic(broken)
			w.must(err)
			if s, err := readPrivate(broken, p, try.sealer); err == nil {
				t.Errorf("%s, %s: opened, the same %t", alg, name, s == signer)
			}
		}
	}
}

func TestSecretChanges(t *testing.T) {
	w := newWorld(t, EdDSA) // plain
	one, two := sealerOf(t, strings.Repeat("1", 32)), sealerOf(t, strings.Repeat("2", 32))

	// From none to one: a sealed key follows the plain one.
	ring, _, _ := w.node(EdDSA, one)
	w.must(ring.Start(ctx, w.store))
	if w.states() != "1 signing, 2 announced" || !w.store.keys[1].isSealed() {
		t.Errorf("%s, sealed %t", w.states(), w.store.keys[1].isSealed())
	}
	w.pass(Announce)

	// A node with another secret, or none, must not take over.
	for _, wrong := range []*Sealer{two, nil} {
		stranger, _, _ := w.node(EdDSA, wrong)
		err := stranger.Start(ctx, w.store)
		if !errors.Is(err, ErrSealed) || len(w.store.keys) != 2 {
			t.Errorf("with another secret: %v, %s", err, w.states())
		}
	}
	// One that was running when the secret changed verifies and does not sign.
	w.must(w.ring.Maintain(ctx))
	if _, _, err := w.issuer.Issue(w.session()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrSealed) {
		t.Errorf("signed without the secret: %v", err)
	}
	text := func() string {
		_, issuer, _ := w.node(EdDSA, one)
		w.must(issuer.keys.Start(ctx, w.store))
		text, _, err := issuer.Issue(w.session())
		w.must(err)
		return text
	}()
	if _, err := w.verifier.Verify(ctx, text); err != nil {
		t.Errorf("verifying needs no secret: %v", err)
	}

	// The way to another secret, which nobody takes by mistake.
	for _, wrong := range []*Sealer{two, nil} {
		if _, err := Rotate(ctx, w.store, wrong, Rotation{Hurry: true}, w.Now()); !errors.Is(err, ErrSealed) {
			t.Errorf("rotated with another secret: %v", err)
		}
		if _, err := Revoke(ctx, w.store, wrong, w.store.keys[1].ID, w.Now()); !errors.Is(err, ErrSealed) || len(w.store.keys) != 2 {
			t.Errorf("revoked with another secret: %v, %s", err, w.states())
		}
	}
	// Keys that wait for their turn and cannot be opened any more do not stay.
	waiting, err := Rotate(ctx, w.store, one, Rotation{}, w.Now())
	w.must(err)
	_, err = Rotate(ctx, w.store, two, Rotation{Hurry: true, NewSecret: true}, w.Now())
	w.must(err)
	if got := w.states(); got != "1 retired, 2 signing, 4 announced" {
		t.Errorf("%s, want all but %d", got, waiting.Seq)
	}
	changed, issuer, verifier := w.node(EdDSA, two)
	w.must(changed.Start(ctx, w.store))
	w.pass(soon)
	w.must(changed.Maintain(ctx))
	newer, _, err := issuer.Issue(w.session())
	w.must(err)
	for _, text := range []string{text, newer} {
		if _, err := verifier.Verify(ctx, text); err != nil {
			t.Error(err)
		}
	}

	// Where no other node can use it, a key that cannot be opened is replaced.
	_, err = Rotate(ctx, w.store, two, Rotation{}, w.Now())
	w.must(err)
	alone := NewKeyring(KeyringConfig{Keys: w.store, Sealer: one, Alg: EdDSA, Rotation: time.Hour * 24, Replace: true, Log: slog.New(slog.DiscardHandler), Now: w.Now})
	w.must(alone.Start(ctx, w.store))
	for range 2 {
		if _, err := alone.set.Load().signs(w.Now()); err != nil {
			t.Errorf("%v, %s", err, w.states())
		}
		w.pass(Announce)
		w.must(alone.Maintain(ctx))
	}
}

// TestUnreadableKeysCostThemselves only, and never verify anything: a row of an
// HMAC above all.
func TestUnreadableKeysCostThemselves(t *testing.T) {
	w := newWorld(t, EdDSA)
	text := w.issue()
	good, err := newKey(EdDSA, nil, 9, at, at)
	w.must(err)
	goodEC, err := newKey(ES256, nil, 9, at, at)
	w.must(err)
	for i, change := range []func(*Key){
		func(k *Key) { k.Alg, k.Public = "HS256", []byte("a secret that somebody knows, 32") },
		func(k *Key) { k.Alg = "HS256" },
		func(k *Key) { k.Alg = "none" },
		func(k *Key) { k.Alg, k.Public = "none", nil },
		func(k *Key) { k.Alg = "RS256" },
		func(k *Key) { k.Alg = ES256 },
		func(k *Key) { k.Public = goodEC.Public },
		func(k *Key) { k.Public = []byte("garbage") },
		func(k *Key) { k.Public = nil },
		func(k *Key) { k.ID = "../../etc/passwd" },
		func(k *Key) { k.Alg, k.Signs = "HS256", at.Add(Announce) },
	} {
		k := good
		k.ID = fmt.Sprintf("%032x", i)
		k.Seq, k.Signs = int64(100+i), at.Add(-time.Hour)
		change(&k)
		w.must(w.store.Add(ctx, k))
	}
	w.must(w.ring.Reload(ctx))
	if set := w.ring.set.Load(); len(set.public) != 1 || len(set.private) != 1 {
		t.Errorf("%d public and %d private keys count, want 1", len(set.public), len(set.private))
	}
	if _, err := w.verifier.Verify(ctx, text); err != nil {
		t.Errorf("the readable key: %v", err)
	}
	w.issue()
	restarted, _, _ := w.node(EdDSA, nil)
	w.must(restarted.Start(ctx, w.store))
}

// TestRun keeps a node up to date by itself, through an outage too.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store := &memKeys{}
		ring := NewKeyring(KeyringConfig{Keys: store, Alg: EdDSA, Rotation: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now})
		if err := ring.Start(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		running, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { ring.Run(running); close(done) }()

		time.Sleep(10*time.Hour + time.Minute)
		synctest.Wait()
		if n := len(store.keys); n != 2 || store.keys[n-1].Seq != 11 {
			t.Errorf("after ten hours: %d keys, the last is number %d", n, store.keys[n-1].Seq)
		}
		store.setAway(fmt.Errorf("%w: no postgres://u:hunter2@db", ErrUnavailable))
		time.Sleep(time.Minute)
		store.setAway(nil)
		time.Sleep(ReloadEvery)
		synctest.Wait()
		stop()
		<-done
		for _, line := range []string{"could not be looked after", "looked after again"} {
			if n := strings.Count(log.String(), line); n != 1 {
				t.Errorf("%q is said %d times", line, n)
			}
		}
		for _, k := range store.keys {
			if strings.Contains(log.String(), string(k.Private[1:])) || strings.Contains(log.String(), encode(k.Private)) {
				t.Error("a private key is in the log")
			}
		}
	})
}

// TestClocksDiffer: keys of a node whose clock is ahead keep nobody from signing.
func TestClocksDiffer(t *testing.T) {
	w := newWorld(t, EdDSA)
	ahead, err := newKey(EdDSA, nil, 2, at, at.Add(time.Hour))
	w.must(err)
	w.store.keys = []Key{ahead}
	w.must(w.ring.Reload(ctx))
	if w.signer().id != ahead.ID {
		t.Error("nobody signs")
	}
	if _, ok := signing(Schedule(nil, at)); ok {
		t.Error("no key signs")
	}
}
