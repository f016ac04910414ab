package user

import (
	"context"
	"errors"
)

// ChangePassword replaces the password of somebody who knows the current one.
// It returns the account, its Epoch raised, and that epoch, which ends every
// older session. [Invalid] tells of the fields current (current_wrong) and
// password, both at once; ErrNotFound; ErrChanged if the account was disabled
// or got another password meanwhile; ErrBusy. A zero c.At means now.
func (s *Service) ChangePassword(ctx context.Context, id ID, current, next string, c Change) (User, Epoch, error) {
	u, err := s.store.ByID(ctx, id)
	if err != nil {
		return User{}, Epoch{}, err
	}
	if u.Disabled() {
		return User{}, Epoch{}, ErrChanged
	}
	prepared, problem := preparePassword(current)
	same := false
	if problem == "" {
		same, err = s.hasher.Verify(ctx, prepared, u.PasswordHash)
		if err != nil && !errors.Is(err, errHash) {
			return User{}, Epoch{}, err
		}
	}
	bad := Invalid{}
	if !same {
		bad["current"] = "current_wrong"
	}
	password, problem := s.policy.parsePassword(next, aboutUser(u))
	if problem == "" && same && password == prepared {
		problem = "password_same"
	}
	if problem != "" {
		bad["password"] = problem
	}
	if len(bad) > 0 {
		return User{}, Epoch{}, bad
	}
	e, err := s.setPassword(ctx, u, u.PasswordHash, password, c)
	if err != nil {
		return User{}, Epoch{}, err
	}
	u.Epoch = e
	return withoutHash(u), e, nil
}

// ResetPassword sets a password without knowing the current one, for the
// operator, and returns the raised epoch. [Invalid], ErrNotFound, ErrBusy. A
// zero c.At means now.
func (s *Service) ResetPassword(ctx context.Context, id ID, next string, c Change) (Epoch, error) {
	u, err := s.store.ByID(ctx, id)
	if err != nil {
		return Epoch{}, err
	}
	password, problem := s.policy.parsePassword(next, aboutUser(u))
	if problem != "" {
		return Epoch{}, Invalid{"password": problem}
	}
	return s.setPassword(ctx, u, "", password, c)
}

func (s *Service) setPassword(ctx context.Context, u User, old, password string, c Change) (Epoch, error) {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return Epoch{}, err
	}
	if c.At.IsZero() {
		c.At = s.time()
	}
	return s.store.SetPassword(ctx, u.ID, old, hash, c)
}
