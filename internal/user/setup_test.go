package user

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newCode(t *testing.T, h *house) string {
	t.Helper()
	code, ok, err := h.NewSetupCode(t.Context())
	if err != nil || !ok || len(code) != 43 {
		t.Fatalf("got %q, %v, %v", code, ok, err)
	}
	return code
}

func TestSetup(t *testing.T) {
	h := newHouse(t)
	code := newCode(t, h)
	for stored := range h.store.codes {
		if strings.Contains(stored, code) || strings.Contains(code, stored) {
			t.Error("the code itself is stored")
		}
	}
	if err := h.CheckSetupCode(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	in := SignUp{Username: "boss", Password: goodPassword}
	_, err := h.Setup(t.Context(), code, SignUp{Username: "x", Password: goodPassword})
	wantInvalid(t, err, Invalid{"username": "username_short"})
	u, err := h.Setup(t.Context(), code, in)
	if err != nil || !u.IsAdmin() || u.PasswordHash != "" || u.Epoch != (Epoch{All: 3, User: 1}) {
		t.Fatalf("got %+v, %v", u, err)
	}
	if _, err := h.Setup(t.Context(), code, in); !errors.Is(err, ErrSetupClosed) {
		t.Errorf("again: %v", err)
	}
	if err := h.CheckSetupCode(t.Context(), "whatever"); !errors.Is(err, ErrSetupClosed) {
		t.Errorf("check: %v", err)
	}
	if code, ok, err := h.NewSetupCode(t.Context()); code != "" || ok || err != nil {
		t.Errorf("a new code: %q, %v, %v", code, ok, err)
	}
}

func TestSetupCodeThatDoesNotCountCostsNoHash(t *testing.T) {
	h := newHouse(t)
	code := newCode(t, h)
	n := h.hashes(func() {
		for _, c := range []string{"", "x", strings.Repeat("x", 1<<20), code[:42], hashOfCode(code)} {
			if _, err := h.Setup(t.Context(), c, SignUp{Username: "boss", Password: goodPassword}); !errors.Is(err, ErrSetupCode) {
				t.Errorf("%.50q: %v", c, err)
			}
		}
		h.now = h.now.Add(SetupCodeLife + time.Second)
		if _, err := h.Setup(t.Context(), code, SignUp{Username: "boss", Password: goodPassword}); !errors.Is(err, ErrSetupCode) {
			t.Errorf("too old: %v", err)
		}
	})
	if n != 0 {
		t.Errorf("%d hashes computed", n)
	}
}

func TestSetupAtTheSameTime(t *testing.T) {
	h := newHouse(t)
	codes := []string{newCode(t, h), newCode(t, h)}
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			_, err := h.Setup(t.Context(), codes[i%2], SignUp{Username: "boss" + string(rune('a'+i)), Password: goodPassword})
			switch {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, ErrSetupClosed):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d administrators made", made.Load())
	}
}

func TestSetupNameTaken(t *testing.T) {
	h := newHouse(t)
	h.add(t, SignUp{Username: "kim"})
	_, err := h.Setup(t.Context(), newCode(t, h), SignUp{Username: "kim", Password: goodPassword})
	wantInvalid(t, err, Invalid{"username": "username_taken"})
}

func TestSetupWhenTheStoreIsAway(t *testing.T) {
	h := newHouse(t)
	h.store.down = ErrUnavailable
	if _, ok, err := h.NewSetupCode(t.Context()); ok || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, %v", ok, err)
	}
	if err := h.CheckSetupCode(t.Context(), "x"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
