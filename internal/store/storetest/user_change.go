package storetest

import (
	"context"
	"testing"

	"gatehouse/internal/user"
)

func setPasswordIsConditional(t *testing.T, s user.Store) {
	ctx := context.Background()
	u := added(t, s, account("jun"))
	before := u.Epoch

	_, err := s.SetPassword(ctx, u.ID, "another hash", "new", byOperator)
	wantErr(t, "hash is not what was read", err, user.ErrChanged)
	if got := again(t, s, u.ID); got != u {
		t.Errorf("a refused change changed %+v to %+v", u, got)
	}
	epoch, err := s.SetPassword(ctx, u.ID, u.PasswordHash, "new", byOperator)
	must(t, err)
	got := again(t, s, u.ID)
	if got.PasswordHash != "new" || !before.Before(epoch) || got.Epoch != epoch {
		t.Errorf("hash %q, epoch %v → %v, returned %v", got.PasswordHash, before, got.Epoch, epoch)
	}
	second, err := s.SetPassword(ctx, u.ID, "", "newer", byOperator)
	must(t, err)
	if got := again(t, s, u.ID); got.PasswordHash != "newer" || !epoch.Before(second) || got.Epoch != second {
		t.Errorf("unconditional: hash %q, epoch %v, returned %v", got.PasswordHash, got.Epoch, second)
	}
	_, err = s.SetPassword(ctx, user.NewID(), "", "x", byOperator)
	wantErr(t, "unknown account", err, user.ErrNotFound)
}

func rehashIsConditional(t *testing.T, s user.Store) {
	ctx := context.Background()
	u := added(t, s, account("jun"))
	must(t, s.Rehash(ctx, u.ID, "not the hash", "stolen"))
	if got := again(t, s, u.ID); got != u {
		t.Errorf("a late rehash overwrote a newer password: %+v", got)
	}
	must(t, s.Rehash(ctx, u.ID, u.PasswordHash, "stronger"))
	u.PasswordHash = "stronger"
	if got := again(t, s, u.ID); got != u {
		t.Errorf("rehash: %+v, want %+v", got, u)
	}
}

func disableAndEnable(t *testing.T, s user.Store) {
	ctx := context.Background()
	u := added(t, s, account("jun"))
	first, err := s.Disable(ctx, u.ID, byOperator)
	must(t, err)
	got := again(t, s, u.ID)
	if !got.DisabledAt.Equal(at) || got.Epoch != first || !u.Epoch.Before(first) {
		t.Errorf("disabled: %+v, returned %v", got, first)
	}
	later := byOperator
	later.At = at.AddDate(0, 0, 1)
	second, err := s.Disable(ctx, u.ID, later)
	must(t, err)
	got = again(t, s, u.ID)
	if !got.DisabledAt.Equal(at) || got.Epoch != second || !first.Before(second) {
		t.Errorf("disabled again: %+v, returned %v; want the first date and a greater epoch", got, second)
	}
	must(t, s.Enable(ctx, u.ID, byOperator))
	must(t, s.Enable(ctx, u.ID, byOperator))
	if got := again(t, s, u.ID); got.Disabled() || got.Epoch != second {
		t.Errorf("enabled: %+v", got)
	}
	_, err = s.Disable(ctx, user.NewID(), byOperator)
	wantErr(t, "disable unknown", err, user.ErrNotFound)
	wantErr(t, "enable unknown", s.Enable(ctx, user.NewID(), byOperator), user.ErrNotFound)
}

func setRole(t *testing.T, s user.Store) {
	ctx := context.Background()
	u := added(t, s, account("jun"))
	epoch, changed, err := s.SetRole(ctx, u.ID, user.RoleUser, byOperator)
	must(t, err)
	if changed || epoch != u.Epoch || again(t, s, u.ID) != u {
		t.Errorf("same role: changed=%v, epoch %v", changed, epoch)
	}
	epoch, changed, err = s.SetRole(ctx, u.ID, user.RoleAdmin, byOperator)
	must(t, err)
	if got := again(t, s, u.ID); !changed || got.Role != user.RoleAdmin || got.Epoch != epoch || !u.Epoch.Before(epoch) {
		t.Errorf("new role: changed=%v, %+v, returned %v", changed, got, epoch)
	}
	_, _, err = s.SetRole(ctx, user.NewID(), user.RoleAdmin, byOperator)
	wantErr(t, "unknown account", err, user.ErrNotFound)
}

func lastAdminStays(t *testing.T, s user.Store) {
	ctx := context.Background()
	admin := account("admin")
	admin.Role = user.RoleAdmin
	shut := account("shut")
	shut.Role, shut.DisabledAt = user.RoleAdmin, at // cannot log in: does not count
	admin, shut = added(t, s, admin), added(t, s, shut)
	added(t, s, account("jun"))

	_, err := s.Disable(ctx, admin.ID, byOperator)
	wantErr(t, "disable the last", err, user.ErrLastAdmin)
	_, changed, err := s.SetRole(ctx, admin.ID, user.RoleUser, byOperator)
	wantErr(t, "demote the last", err, user.ErrLastAdmin)
	if changed || again(t, s, admin.ID) != admin {
		t.Error("the refused changes left a trace")
	}
	_, err = s.Disable(ctx, shut.ID, byOperator) // changes nothing about who can log in
	must(t, err)
	must(t, s.Enable(ctx, shut.ID, byOperator))
	_, err = s.Disable(ctx, admin.ID, byOperator) // now there is another
	must(t, err)
	_, _, err = s.SetRole(ctx, shut.ID, user.RoleUser, byOperator)
	wantErr(t, "demote the last who can log in", err, user.ErrLastAdmin)
	_, _, err = s.SetRole(ctx, admin.ID, user.RoleUser, byOperator) // shut already
	must(t, err)
}
