package user

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

func TestAuthenticate(t *testing.T) {
	h := newHouse(t)
	const hangul = "우리집고양이는귀여워"
	u := h.add(t, SignUp{Username: "kim", Email: "Kim@Example.com", Password: norm.NFD.String(hangul)})
	for _, login := range []string{"kim", " KIM ", "kim@example.com", "KIM@EXAMPLE.COM"} {
		got, err := h.Authenticate(t.Context(), login, hangul)
		if err != nil || got != u {
			t.Errorf("%q: %+v, %v", login, got, err)
		}
	}
}

// What a stranger sees of an attempt is the same whatever is wrong with it.
func TestFailuresLookAlikeAndCostOneHash(t *testing.T) {
	h := newHouse(t)
	kim := h.add(t, SignUp{Username: "kim"})
	shut := h.add(t, SignUp{Username: "shut"})
	broken := h.add(t, SignUp{Username: "broken"})
	if _, err := h.store.Disable(t.Context(), shut.ID, Change{At: h.now}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.SetPassword(t.Context(), broken.ID, "", "$argon2id$v=19$m=2097152,t=1,p=1$AAAA$AAAA", Change{}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what, login, password string
		user                  ID
	}{
		{"wrong password", "kim", "wrong horse", kim.ID},
		{"no password", "kim", "", kim.ID},
		{"over-long password", "kim", strings.Repeat(goodPassword, 100000), kim.ID},
		{"not UTF-8", "kim", "\xff\xfe", kim.ID},
		{"NUL", "kim", goodPassword + "\x00", kim.ID},
		{"trimmed password", "kim", " " + goodPassword, kim.ID},
		{"unknown user", "nobody", goodPassword, ""},
		{"unknown e-mail", "nobody@example.com", goodPassword, ""},
		{"no login", "", goodPassword, ""},
		{"no login and no password", "", "", ""},
		{"bad login", "a\x00b", goodPassword, ""},
		{"over-long login", strings.Repeat("k", 1<<20), goodPassword, ""},
		{"disabled, right password", "shut", goodPassword, shut.ID},
		{"disabled, wrong password", "shut", "wrong horse", shut.ID},
		{"unreadable hash", "broken", goodPassword, broken.ID},
	}
	for _, tt := range tests {
		n := h.hashes(func() {
			u, err := h.Authenticate(t.Context(), tt.login, tt.password)
			var failed *CredentialsError
			if !errors.Is(err, ErrCredentials) || !errors.As(err, &failed) || u != (User{}) {
				t.Errorf("%s: %+v, %v", tt.what, u, err)
				return
			}
			if failed.User != tt.user || (failed.Cause != nil) != (tt.login == "broken") {
				t.Errorf("%s: hit %q (%v), want %q", tt.what, failed.User, failed.Cause, tt.user)
			}
			if err.Error() != ErrCredentials.Error() {
				t.Errorf("%s: says %q", tt.what, err)
			}
		})
		if n != 1 {
			t.Errorf("%s: %d hashes computed, want 1", tt.what, n)
		}
	}
	if n := h.hashes(func() { _, _ = h.Authenticate(t.Context(), "kim", goodPassword) }); n != 1 {
		t.Errorf("a good log-in computed %d hashes, want 1", n)
	}
}

// The epoch that is returned was read before the password was checked, so
// that a log-in does not outlive a change made while it was being hashed.
func TestEpochIsReadBeforeThePasswordIsChecked(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim"})
	derive := h.hasher.derive
	h.hasher.derive = func(password, salt []byte, p Params) []byte {
		if _, err := h.store.Disable(context.Background(), u.ID, Change{At: h.now}); err != nil {
			t.Error(err)
		}
		return derive(password, salt, p)
	}
	got, err := h.Authenticate(t.Context(), "kim", goodPassword)
	if err != nil || got.Epoch != u.Epoch {
		t.Errorf("got %+v, %v", got.Epoch, err)
	}
	if now := h.store.users[u.ID].Epoch; !got.Epoch.Before(now) {
		t.Errorf("%v is not before %v", got.Epoch, now)
	}
}

func TestAuthenticateRehashes(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: "kim"})
	old := h.store.users[u.ID].PasswordHash
	h.hasher.params.Time = 2
	if _, err := h.Authenticate(t.Context(), "kim", "wrong horse"); !errors.Is(err, ErrCredentials) {
		t.Fatal(err)
	}
	if h.store.users[u.ID].PasswordHash != old {
		t.Fatal("a wrong password changed the hash")
	}
	for i, want := range []int64{2, 1} {
		n := h.hashes(func() {
			got, err := h.Authenticate(t.Context(), "kim", goodPassword)
			if err != nil || got != u {
				t.Errorf("%+v, %v", got, err)
			}
		})
		if n != want {
			t.Errorf("log-in %d computed %d hashes, want %d", i, n, want)
		}
	}
	if now := h.store.users[u.ID]; now.PasswordHash == old || now.Epoch != u.Epoch {
		t.Errorf("epoch %v, hash changed: %v", now.Epoch, now.PasswordHash != old)
	}
}

// failingRehash is a store whose database goes away right after the read.
type failingRehash struct{ *memStore }

func (failingRehash) Rehash(context.Context, ID, string, string) error { return ErrUnavailable }

func TestFailedRehashIsNoFailedLogin(t *testing.T) {
	h := newHouse(t)
	h.add(t, SignUp{Username: "kim"})
	h.hasher.params.Time = 2
	s := NewService(failingRehash{h.store}, h.hasher, Policy{}, func() time.Time { return h.now })
	if _, err := s.Authenticate(t.Context(), "kim", goodPassword); err != nil {
		t.Error(err)
	}
}

func TestAuthenticateOutageIsNoWrongPassword(t *testing.T) {
	h := newHouse(t)
	h.add(t, SignUp{Username: "kim"})
	h.store.down = ErrUnavailable
	if _, err := h.Authenticate(t.Context(), "kim", goodPassword); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCredentials) {
		t.Errorf("store away: %v", err)
	}
	h.store.down = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Authenticate(ctx, "kim", goodPassword); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	busy, started, release, _ := blockingHasher(t, HasherConfig{Concurrent: 1, Waiting: -1})
	h.hasher = busy
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = busy.Hash(context.Background(), "x")
	}()
	<-started
	for _, login := range []string{"kim", "nobody"} {
		if _, err := h.Authenticate(t.Context(), login, goodPassword); !errors.Is(err, ErrBusy) {
			t.Errorf("%s while busy: %v", login, err)
		}
	}
	close(release)
	<-done
}
