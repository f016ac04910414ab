package user

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

const goodPassword = "correct horse battery staple"

// house is a Service with everything around it in the test's hands.
type house struct {
	*Service
	store    *memStore
	computed *atomic.Int64 // hashes so far
	now      time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{store: newMemStore(), now: time.Date(2026, 11, 21, 8, 4, 5, 123456789, time.UTC)}
	hasher, computed := newTestHasher(t, HasherConfig{})
	h.computed = computed
	h.Service = NewService(h.store, hasher, Policy{}, func() time.Time { return h.now })
	return h
}

func (h *house) add(t *testing.T, in SignUp) User {
	t.Helper()
	if in.Password == "" {
		in.Password = goodPassword
	}
	u, err := h.SignUp(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// hashes returns how many hashes f computes.
func (h *house) hashes(f func()) int64 {
	before := h.computed.Load()
	f()
	return h.computed.Load() - before
}

func wantInvalid(t *testing.T, err error, want Invalid) {
	t.Helper()
	var got Invalid
	if !errors.As(err, &got) || got.Error() != want.Error() {
		t.Errorf("got %v, want %v", err, want)
	}
}
