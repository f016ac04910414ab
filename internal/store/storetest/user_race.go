package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// race calls fn n times at once and returns what they returned.
func race(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// wantOne fails unless one error is nil and all others are refusal.
func wantOne(t *testing.T, what string, errs []error, refusal error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, refusal) {
			t.Errorf("%s: got %v, want %v", what, err, refusal)
		}
	}
	if won != 1 {
		t.Errorf("%s: %d of %d succeeded, want 1", what, won, len(errs))
	}
}

func oneSignUpWins(t *testing.T, s user.Store) {
	ctx := context.Background()
	for round := range 10 {
		name := fmt.Sprintf("same%d", round)
		wantOne(t, "same username", race(8, func(int) error {
			return s.Create(ctx, account(name))
		}), user.ErrUsernameTaken)
		wantOne(t, "same address", race(8, func(i int) error {
			u := account(fmt.Sprintf("other%d-%d", round, i))
			u.Email = fmt.Sprintf("Same%d@Example.com", round)
			if i%2 == 0 {
				u.Email = strings.ToUpper(u.Email)
			}
			return s.Create(ctx, u)
		}), user.ErrEmailTaken)
	}
}

func onePasswordChangeWins(t *testing.T, s user.Store) {
	u := added(t, s, account("jun"))
	for range 10 {
		old := again(t, s, u.ID)
		wantOne(t, "change of one password", race(6, func(i int) error {
			_, err := s.SetPassword(context.Background(), u.ID, old.PasswordHash, fmt.Sprintf("%s %d", old.PasswordHash[:4], serial.Add(1)), byOperator)
			return err
		}), user.ErrChanged)
		if got := again(t, s, u.ID).Epoch.User; got != old.Epoch.User+1 {
			t.Errorf("epoch %d → %d for one change", old.Epoch.User, got)
		}
	}
}

func everyRaiseCounts(t *testing.T, s user.Store) {
	ctx := context.Background()
	u := added(t, s, account("jun"))
	const n = 20
	var mu sync.Mutex
	seen := map[user.Epoch]bool{}
	for _, err := range race(n, func(i int) error {
		var epoch user.Epoch
		var err error
		if i%2 == 0 {
			epoch, err = s.Disable(ctx, u.ID, byOperator)
		} else {
			epoch, err = s.SetPassword(ctx, u.ID, "", "x", byOperator)
		}
		mu.Lock()
		defer mu.Unlock()
		seen[epoch] = true
		return err
	}) {
		must(t, err)
	}
	if got := again(t, s, u.ID).Epoch.User - u.Epoch.User; got != n || len(seen) != n {
		t.Errorf("%d raises moved the epoch by %d and returned %d different ones", n, got, len(seen))
	}
}

// Two administrators put each other out of office in the same moment.
func twoAdminsAgainstEachOther(t *testing.T, s user.Store) {
	ctx := context.Background()
	a, b := account("a"), account("b")
	a.Role, b.Role = user.RoleAdmin, user.RoleAdmin
	ids := []user.ID{added(t, s, a).ID, added(t, s, b).ID}
	for round := range 40 {
		wantOne(t, "two administrators", race(2, func(i int) error {
			if (round+i)%2 == 0 {
				_, err := s.Disable(ctx, ids[i], byOperator)
				return err
			}
			_, _, err := s.SetRole(ctx, ids[i], user.RoleUser, byOperator)
			return err
		}), user.ErrLastAdmin)
		left := 0
		for _, id := range ids {
			if u := again(t, s, id); u.IsAdmin() && !u.Disabled() {
				left++
			}
		}
		if left != 1 {
			t.Fatalf("round %d: %d administrators left, want 1", round, left)
		}
		for _, id := range ids {
			must(t, s.Enable(ctx, id, byOperator))
			_, _, err := s.SetRole(ctx, id, user.RoleAdmin, byOperator)
			must(t, err)
		}
	}
}

func setupCodes(t *testing.T, s user.Store) {
	ctx := context.Background()
	has, err := s.HasAdmin(ctx)
	must(t, err)
	if has {
		t.Error("an empty store has an administrator")
	}
	must(t, s.AddSetupCode(ctx, "code", at.Add(time.Hour)))
	must(t, s.SetupCode(ctx, "code", at))
	wantErr(t, "unknown code", s.SetupCode(ctx, "cod", at), user.ErrSetupCode)
	wantErr(t, "empty code", s.SetupCode(ctx, "", at), user.ErrSetupCode)
	wantErr(t, "code too old", s.SetupCode(ctx, "code", at.Add(time.Hour)), user.ErrSetupCode)
	wantErr(t, "first admin, code too old", s.CreateFirstAdmin(ctx, "code", at.Add(time.Hour), account("late")), user.ErrSetupCode)

	taken := account("taken")
	taken.Email = "taken@example.com"
	added(t, s, taken)
	wantErr(t, "first admin, name taken", s.CreateFirstAdmin(ctx, "code", at, account("taken")), user.ErrUsernameTaken)
	sameEmail := account("free")
	sameEmail.Email = taken.Email
	wantErr(t, "first admin, address taken", s.CreateFirstAdmin(ctx, "code", at, sameEmail), user.ErrEmailTaken)
	must(t, s.SetupCode(ctx, "code", at)) // a mistake in the form does not use it up

	must(t, s.AddSetupCode(ctx, "second", at.Add(time.Hour)))
	first := account("first") // whatever role it was given
	must(t, s.CreateFirstAdmin(ctx, "code", at, first))
	if !again(t, s, first.ID).IsAdmin() {
		t.Error("the first administrator is none")
	}
	has, err = s.HasAdmin(ctx)
	must(t, err)
	if !has {
		t.Error("HasAdmin does not see the first administrator")
	}
	for _, code := range []string{"code", "second", "unknown"} {
		wantErr(t, "code "+code+" afterwards", s.SetupCode(ctx, code, at), user.ErrSetupClosed)
		wantErr(t, "second first admin", s.CreateFirstAdmin(ctx, code, at, account("x")), user.ErrSetupClosed)
	}
}

func oneFirstAdmin(t *testing.T, s user.Store) {
	ctx := context.Background()
	must(t, s.AddSetupCode(ctx, "one", at.Add(time.Hour)))
	must(t, s.AddSetupCode(ctx, "two", at.Add(time.Hour)))
	wantOne(t, "first admin", race(10, func(i int) error {
		return s.CreateFirstAdmin(ctx, []string{"one", "two"}[i%2], at, account(fmt.Sprintf("admin%d", i)))
	}), user.ErrSetupClosed)
	_, total, err := s.List(ctx, user.Query{})
	must(t, err)
	if total != 1 {
		t.Errorf("%d accounts, want 1", total)
	}
}
