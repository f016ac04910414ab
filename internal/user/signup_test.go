package user

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestSignUp(t *testing.T) {
	h := newHouse(t)
	u := h.add(t, SignUp{Username: " Kim ", Email: "Kim@Example.com", Name: "김민수"})
	want := User{ID: u.ID, Username: "kim", Name: "김민수", Email: "Kim@Example.com", Role: RoleUser,
		Epoch: Epoch{All: 3, User: 1}, CreatedAt: h.now.Truncate(time.Millisecond)}
	if u != want || len(u.ID) != 22 {
		t.Errorf("got %+v, want %+v", u, want)
	}
	if hash := h.store.users[u.ID].PasswordHash; !strings.HasPrefix(hash, "$argon2id$") {
		t.Errorf("stored %q", hash)
	}
}

func TestSignUpChecksRulesBeforeItHashes(t *testing.T) {
	h := newHouse(t)
	n := h.hashes(func() {
		_, err := h.SignUp(t.Context(), SignUp{Username: "김", Email: "x", Password: "password123", Name: "\u202e"})
		wantInvalid(t, err, Invalid{"username": "username_chars", "email": "email_invalid",
			"password": "password_known", "name": "name_chars"})
	})
	if n != 0 || len(h.store.calls) != 0 {
		t.Errorf("bad input cost %d hashes and the calls %v", n, h.store.calls)
	}
}

func TestSignUpTaken(t *testing.T) {
	h := newHouse(t)
	h.add(t, SignUp{Username: "kim", Email: "kim@example.com"})
	h.add(t, SignUp{Username: "lee", Email: "lee@example.com"})
	tests := []struct {
		in   SignUp
		want Invalid
	}{
		{SignUp{Username: "KIM"}, Invalid{"username": "username_taken"}},
		{SignUp{Username: "park", Email: "KIM@example.com"}, Invalid{"email": "email_taken"}},
		{SignUp{Username: "kim", Email: "Lee@example.com"}, Invalid{"username": "username_taken", "email": "email_taken"}},
	}
	for _, tt := range tests {
		tt.in.Password = goodPassword
		_, err := h.SignUp(t.Context(), tt.in)
		wantInvalid(t, err, tt.want)
	}
}

func TestSignUpAtTheSameTime(t *testing.T) {
	h := newHouse(t)
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, err := h.SignUp(t.Context(), SignUp{Username: "kim", Password: goodPassword})
			if err == nil {
				made.Add(1)
				return
			}
			wantInvalid(t, err, Invalid{"username": "username_taken"})
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d accounts made", made.Load())
	}
}

func TestSignUpWhenTheStoreIsAway(t *testing.T) {
	h := newHouse(t)
	h.store.down = ErrUnavailable
	_, err := h.SignUp(t.Context(), SignUp{Username: "kim", Password: goodPassword})
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestCreateAdmin(t *testing.T) {
	h := newHouse(t)
	u, err := h.Create(t.Context(), SignUp{Username: "root1", Password: goodPassword}, RoleAdmin)
	if err != nil || !u.IsAdmin() {
		t.Errorf("got %+v, %v", u, err)
	}
}

// FuzzSignUp: whatever is posted, the form answers, soon, and what it accepts
// is in its one canonical form and opens the account.
func FuzzSignUp(f *testing.F) {
	f.Add("kim", goodPassword, "kim@example.com", "김민수")
	f.Add(" Kim ", "dkssudgktpdy", "", "")
	f.Add("a..b", strings.Repeat("4@8({[<36%0$5+7", 9), "a@b.c", "\u202e")
	f.Add("\xff", "\x00", "@", "\xff")
	f.Add("\u212aim", strings.Repeat("\u1112\u1161\u11ab", 50), "\"@\"@x.y", "\u3164")
	canonical := regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,30}[a-z0-9_-]$`)
	f.Fuzz(func(t *testing.T, username, password, email, name string) {
		start := time.Now()
		out, err := Policy{}.Check(SignUp{Username: username, Password: password, Email: email, Name: name})
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("took %v", d)
		}
		var bad Invalid
		if err != nil {
			if !errors.As(err, &bad) || len(bad) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
		}
		if bad["username"] == "" {
			if !canonical.MatchString(out.Username) {
				t.Errorf("username %q became %q", username, out.Username)
			}
			if key, ok := LoginKey(username); !ok || key != out.Username {
				t.Errorf("log-in with %q looks for %q, not for %q", username, key, out.Username)
			}
		}
		if bad["email"] == "" && out.Email != "" {
			if key, ok := LoginKey(email); !ok || key != EmailKey(out.Email) {
				t.Errorf("log-in with %q looks for %q, not for %q", email, key, EmailKey(out.Email))
			}
		}
		if bad["name"] == "" {
			if again, problem := parseName(out.Name); again != out.Name || problem != "" {
				t.Errorf("name %q became %q, then %q (%s)", name, out.Name, again, problem)
			}
		}
		if bad["password"] == "" {
			first, _ := preparePassword(password)
			if again, problem := preparePassword(first); again != first || problem != "" {
				t.Errorf("password %q became %q, then %q (%s)", password, first, again, problem)
			}
		}
	})
}
