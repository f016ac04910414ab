package user

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// SetupCodeLife is how long a set-up code counts.
const SetupCodeLife = 24 * time.Hour

// NewSetupCode makes the secret of the one-time link by which the first
// administrator is made: 32 random bytes, base64url. The store keeps its
// SHA-256 alone. ok is false if an administrator exists: there is nothing to
// set up.
func (s *Service) NewSetupCode(ctx context.Context) (code string, ok bool, err error) {
	has, err := s.store.HasAdmin(ctx)
	if err != nil || has {
		return "", false, err
	}
	code = base64.RawURLEncoding.EncodeToString(randomBytes(32))
	if err := s.store.AddSetupCode(ctx, hashOfCode(code), s.time().Add(SetupCodeLife)); err != nil {
		return "", false, err
	}
	return code, true, nil
}

// CheckSetupCode returns nil if code counts, else ErrSetupClosed or
// ErrSetupCode, or what the store returns.
func (s *Service) CheckSetupCode(ctx context.Context, code string) error {
	return s.store.SetupCode(ctx, hashOfCode(code), s.time())
}

// Setup makes the first administrator. Of any number of simultaneous calls one
// succeeds. Errors as for CheckSetupCode, which come first, and SignUp.
func (s *Service) Setup(ctx context.Context, code string, in SignUp) (User, error) {
	if err := s.CheckSetupCode(ctx, code); err != nil {
		return User{}, err
	}
	u, err := s.draft(ctx, in, RoleAdmin)
	if err != nil {
		return User{}, err
	}
	if err := s.store.CreateFirstAdmin(ctx, hashOfCode(code), s.time(), u); err != nil {
		return User{}, s.explainTaken(ctx, u, err)
	}
	return s.created(ctx, u.ID)
}

func hashOfCode(code string) string {
	sum := sha256.Sum256([]byte(code))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
