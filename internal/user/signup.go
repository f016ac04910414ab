package user

import (
	"context"
	"errors"
)

// SignUp makes an account of role user. [Invalid] tells every problem at once;
// ErrBusy, or what the store returns, otherwise. Of two simultaneous calls for
// one name one succeeds and the other is Invalid with username_taken.
func (s *Service) SignUp(ctx context.Context, in SignUp) (User, error) {
	return s.Create(ctx, in, RoleUser)
}

// Create makes an account of any role, for the operator. Errors as for SignUp.
func (s *Service) Create(ctx context.Context, in SignUp, role Role) (User, error) {
	u, err := s.draft(ctx, in, role)
	if err != nil {
		return User{}, err
	}
	if err := s.store.Create(ctx, u); err != nil {
		return User{}, s.explainTaken(ctx, u, err)
	}
	return s.created(ctx, u.ID)
}

// created reads a new account back: the store gave it the epoch with which its
// first session has to start. ErrChanged if it has been disabled already.
func (s *Service) created(ctx context.Context, id ID) (User, error) {
	u, err := s.store.ByID(ctx, id)
	if err != nil {
		return User{}, err
	}
	if u.Disabled() {
		return User{}, ErrChanged
	}
	return withoutHash(u), nil
}

// draft applies the rules and then computes the hash, in this order: bad input
// must cost nothing.
func (s *Service) draft(ctx context.Context, in SignUp, role Role) (User, error) {
	in, err := s.policy.Check(in)
	if err != nil {
		return User{}, err
	}
	password, _ := preparePassword(in.Password)
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	return User{
		ID:           NewID(),
		Username:     in.Username,
		Name:         in.Name,
		Email:        in.Email,
		Role:         role,
		PasswordHash: hash,
		CreatedAt:    s.time(),
	}, nil
}

// explainTaken turns a store's refusal of u into Invalid. A store names the
// first of two clashes; the other is looked up so that the form can show both.
func (s *Service) explainTaken(ctx context.Context, u User, err error) error {
	bad := Invalid{}
	switch {
	case errors.Is(err, ErrUsernameTaken):
		bad["username"] = "username_taken"
		if u.Email == "" {
			break
		}
		if _, err := s.store.ByLogin(ctx, EmailKey(u.Email)); err == nil {
			bad["email"] = "email_taken"
		}
	case errors.Is(err, ErrEmailTaken):
		bad["email"] = "email_taken"
		if _, err := s.store.ByLogin(ctx, u.Username); err == nil {
			bad["username"] = "username_taken"
		}
	default:
		return err
	}
	return bad
}
