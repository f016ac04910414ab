package user

import (
	"context"
	"errors"
	"testing"
	"time"
)

const nextPassword = "nine lazy otters knitting"

func TestChangePassword(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim"})
	got, e, err := h.ChangePassword(t.Context(), u.ID, goodPassword, nextPassword, Change{Actor: u.ID})
	if err != nil || !u.Epoch.Before(e) || got.Epoch != e || got.PasswordHash != "" || got.Username != "kim" {
		t.Fatalf("got %+v, %v, %v", got, e, err)
	}
	if _, err := h.Authenticate(t.Context(), "kim", goodPassword); !errors.Is(err, ErrCredentials) {
		t.Errorf("old password: %v", err)
	}
	if _, err := h.Authenticate(t.Context(), "kim", nextPassword); err != nil {
		t.Errorf("new password: %v", err)
	}
}

func TestChangePasswordTellsEveryProblemAtOnce(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim.minsu"})
	tests := []struct {
		current, next string
		want          Invalid
	}{
		{"wrong horse", nextPassword, Invalid{"current": "current_wrong"}},
		{"", "", Invalid{"current": "current_wrong", "password": "password_required"}},
		{"\xff", "short", Invalid{"current": "current_wrong", "password": "password_short"}},
		{goodPassword, "KimMinsu99", Invalid{"password": "password_like_name"}},
		{goodPassword, goodPassword, Invalid{"password": "password_same"}},
		{"wrong horse", goodPassword, Invalid{"current": "current_wrong"}}, // does not tell that it is the same
	}
	for _, tt := range tests {
		_, _, err := h.ChangePassword(t.Context(), u.ID, tt.current, tt.next, Change{})
		wantInvalid(t, err, tt.want)
	}
	if now := h.store.users[u.ID]; now.Epoch != u.Epoch {
		t.Errorf("the epoch rose to %v", now.Epoch)
	}
}

// Of two changes that both saw the old password one succeeds.
func TestChangePasswordMeanwhileChanged(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim"})
	derive, first := h.hasher.derive, true
	h.hasher.derive = func(password, salt []byte, p Params) []byte {
		if first {
			first = false
			if _, err := h.ResetPassword(context.Background(), u.ID, "seven grey herons waltzing", Change{}); err != nil {
				t.Error(err)
			}
		}
		return derive(password, salt, p)
	}
	h.hasher.permits = make(chan struct{}, 2) // the reset runs inside the change
	_, _, err := h.ChangePassword(t.Context(), u.ID, goodPassword, nextPassword, Change{})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

func TestChangePasswordOfNobodyAndOfADisabledAccount(t *testing.T) {
	h := newHouse(t)
	if _, _, err := h.ChangePassword(t.Context(), NewID(), goodPassword, nextPassword, Change{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	u := h.add(t, SignUp{Username: "kim"})
	if _, err := h.store.Disable(t.Context(), u.ID, Change{At: h.now}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.ChangePassword(t.Context(), u.ID, goodPassword, nextPassword, Change{}); !errors.Is(err, ErrChanged) {
		t.Errorf("disabled: %v", err)
	}
}

// changeRecorder remembers the Change that reached the store.
type changeRecorder struct {
	*memStore
	last Change
}

func (r *changeRecorder) SetPassword(ctx context.Context, id ID, old, hash string, c Change) (Epoch, error) {
	r.last = c
	return r.memStore.SetPassword(ctx, id, old, hash, c)
}

func TestChangeReachesTheStore(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim"})
	r := &changeRecorder{memStore: h.store}
	s := NewService(r, h.hasher, Policy{}, func() time.Time { return h.now })
	if _, _, err := s.ChangePassword(t.Context(), u.ID, goodPassword, nextPassword, Change{Actor: u.ID, Keep: "this one"}); err != nil {
		t.Fatal(err)
	}
	if want := (Change{Actor: u.ID, At: h.now.Truncate(time.Millisecond), Keep: "this one"}); r.last != want {
		t.Errorf("got %+v, want %+v", r.last, want)
	}
	then := h.now.Add(-time.Hour)
	if _, err := s.ResetPassword(t.Context(), u.ID, goodPassword, Change{At: then}); err != nil {
		t.Fatal(err)
	}
	if r.last != (Change{At: then}) {
		t.Errorf("got %+v", r.last)
	}
}

func TestResetPassword(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim"})
	_, err := h.ResetPassword(t.Context(), u.ID, "dkssudgktpdy1", Change{})
	wantInvalid(t, err, Invalid{"password": "password_known"})
	e, err := h.ResetPassword(t.Context(), u.ID, nextPassword, Change{})
	if err != nil || !u.Epoch.Before(e) {
		t.Fatalf("%v, %v", e, err)
	}
	if _, err := h.Authenticate(t.Context(), "kim", nextPassword); err != nil {
		t.Error(err)
	}
	if _, err := h.ResetPassword(t.Context(), NewID(), nextPassword, Change{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}
