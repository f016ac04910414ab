package user

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cheap parameters keep the tests fast; one test below uses the real ones.
var cheap = Params{Memory: 64, Time: 1, Threads: 1, SaltLen: 16, KeyLen: 32}

// newTestHasher returns a cheap Hasher and a counter of the hashes computed.
func newTestHasher(t *testing.T, c HasherConfig) (*Hasher, *atomic.Int64) {
	t.Helper()
	if c.Params == (Params{}) {
		c.Params = cheap
	}
	h, err := NewHasher(c)
	if err != nil {
		t.Fatal(err)
	}
	var computed atomic.Int64
	derive := h.derive
	h.derive = func(password, salt []byte, p Params) []byte {
		computed.Add(1)
		return derive(password, salt, p)
	}
	return h, &computed
}

func TestHashWithDefaultParams(t *testing.T) {
	h, err := NewHasher(HasherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), "kV9#qLz2mW")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || len(hash) != 97 {
		t.Errorf("unexpected form: %q", hash)
	}
	if ok, err := h.Verify(t.Context(), "kV9#qLz2mW", hash); !ok || err != nil {
		t.Errorf("right password: %v, %v", ok, err)
	}
	if ok, err := h.Verify(t.Context(), "kV9#qLz2mw", hash); ok || err != nil {
		t.Errorf("wrong password: %v, %v", ok, err)
	}
	if h.NeedsRehash(hash) || cap(h.permits) > 4 || h.queue != 64 {
		t.Errorf("needs rehash %v, %d at once, %d waiting", h.NeedsRehash(hash), cap(h.permits), h.queue)
	}
}

// A hash made by another program (the reference argon2 command line) opens here.
func TestVerifyForeignHash(t *testing.T) {
	h, _ := newTestHasher(t, HasherConfig{})
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := h.Verify(t.Context(), "password", hash); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestSaltsDiffer(t *testing.T) {
	h, _ := newTestHasher(t, HasherConfig{})
	a, _ := h.Hash(t.Context(), "same")
	b, _ := h.Hash(t.Context(), "same")
	if a == b || a == "" {
		t.Errorf("%q and %q", a, b)
	}
}

func TestStoredParametersOutOfBoundsAreRefused(t *testing.T) {
	h, computed := newTestHasher(t, HasherConfig{})
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if _, err := parsePHC("$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	bad := []string{
		"", "x", "$$$$$", "$2a$10$abcdefghijklmnopqrstuv",
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=2097152,t=1,p=1$" + salt + "$" + key, // 2 GiB
		"$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967360,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=17,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=256,t=1,p=17$" + salt + "$" + key,
		"$argon2id$v=19$m=4,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$CTFh",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "=",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 100),
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 1<<20),
	}
	for i, s := range bad {
		ok, err := h.Verify(t.Context(), "password", s)
		if ok || !errors.Is(err, errHash) {
			t.Errorf("%.80q: %v, %v", s, ok, err)
		}
		if got := computed.Load(); got != int64(i+1) {
			t.Fatalf("%.80q: %d hashes computed in all, want %d", s, got, i+1)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	weak, _ := newTestHasher(t, HasherConfig{})
	hash, _ := weak.Hash(t.Context(), "x")
	tests := []struct {
		now  Params
		want bool
	}{
		{cheap, false},
		{Params{Memory: 128, Time: 1, Threads: 1, SaltLen: 16, KeyLen: 32}, true},
		{Params{Memory: 64, Time: 2, Threads: 1, SaltLen: 16, KeyLen: 32}, true},
		{Params{Memory: 32, Time: 1, Threads: 1, SaltLen: 16, KeyLen: 32}, false},
	}
	for _, tt := range tests {
		h, _ := newTestHasher(t, HasherConfig{Params: tt.now})
		if got := h.NeedsRehash(hash); got != tt.want {
			t.Errorf("with %+v: %v, want %v", tt.now, got, tt.want)
		}
	}
}

func TestNewHasherRefusesParamsOutOfBounds(t *testing.T) {
	for _, p := range []Params{
		{Memory: 1 << 20, Time: 1, Threads: 1, SaltLen: 16, KeyLen: 32},
		{Memory: 64, Time: 1, Threads: 1, SaltLen: 16},
	} {
		if _, err := NewHasher(HasherConfig{Params: p}); err == nil {
			t.Errorf("accepted %+v", p)
		}
	}
}

func TestNoPasswordMatchesTheDecoy(t *testing.T) {
	h, computed := newTestHasher(t, HasherConfig{})
	for _, p := range []string{"", "password", h.Decoy()} {
		if ok, err := h.Verify(t.Context(), p, h.Decoy()); ok || err != nil {
			t.Errorf("%q: %v, %v", p, ok, err)
		}
	}
	if computed.Load() != 3 {
		t.Errorf("%d hashes for 3 checks", computed.Load())
	}
}

// blockingHasher computes only when told to, and reports the most hashes that
// were under way at once.
func blockingHasher(t *testing.T, c HasherConfig) (h *Hasher, started chan struct{}, release chan struct{}, most *atomic.Int64) {
	h, _ = newTestHasher(t, c)
	started, release, most = make(chan struct{}, 100), make(chan struct{}), new(atomic.Int64)
	var running atomic.Int64
	h.derive = func(_, _ []byte, p Params) []byte {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		started <- struct{}{}
		<-release
		running.Add(-1)
		return make([]byte, p.KeyLen)
	}
	return h, started, release, most
}

func waitForQueue(t *testing.T, h *Hasher, n int64) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); h.waiting.Load() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d wait, want %d", h.waiting.Load(), n)
		}
	}
}

func TestHasherBounds(t *testing.T) {
	h, started, release, most := blockingHasher(t, HasherConfig{Concurrent: 2, Waiting: 3})
	var wg sync.WaitGroup
	hash := func() {
		if _, err := h.Hash(context.Background(), "x"); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		wg.Go(hash)
		<-started
	}
	for range 3 {
		wg.Go(hash)
	}
	waitForQueue(t, h, 3)
	if q := h.Queue(); q != (HashQueue{Running: 2, Waiting: 3}) {
		t.Errorf("the queue is %+v", q)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // to fail and not to hang
	defer cancel()
	for range 20 {
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, ErrBusy) {
			t.Errorf("the queue is full: %v, want ErrBusy", err)
		}
	}
	if ok, err := h.Verify(ctx, "x", h.Decoy()); ok || !errors.Is(err, ErrBusy) {
		t.Errorf("verify: %v, %v, want ErrBusy", ok, err)
	}
	close(release)
	wg.Wait()
	if most.Load() != 2 {
		t.Errorf("%d hashes at once, want 2", most.Load())
	}
	waitForQueue(t, h, 0)
	if q := h.Queue(); q != (HashQueue{Refused: 21}) {
		t.Errorf("after the rush the queue is %+v", q)
	}
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Errorf("after the rush: %v", err)
	}
}

func TestWaitingEndsWithTheContextAndWorkDoesNot(t *testing.T) {
	h, started, release, most := blockingHasher(t, HasherConfig{Concurrent: 1, Waiting: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { // under way: runs to its end although its caller has gone
		if _, err := h.Hash(ctx, "x"); err != nil {
			t.Error(err)
		}
	})
	<-started
	wg.Go(func() {
		if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting: %v, want Canceled", err)
		}
	})
	waitForQueue(t, h, 1)
	cancel()
	waitForQueue(t, h, 0)
	wg.Go(func() { _, _ = h.Hash(context.Background(), "x") })
	waitForQueue(t, h, 1) // the permit is still with the work
	close(release)
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d hashes at once, want 1", most.Load())
	}
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func BenchmarkHashDefault(b *testing.B) {
	h, err := NewHasher(HasherConfig{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}
