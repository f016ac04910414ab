package user

import (
	"context"
	"errors"
)

// CredentialsError is [ErrCredentials] together with what the audit log may
// know and the person must not.
type CredentialsError struct {
	// User is the account that the attempt was for; empty if there is none.
	User ID
	// Cause is set if the account's stored hash could not be read: nobody can
	// log in to it until the operator sets a new password.
	Cause error
}

// Error says the same whatever the fields, so that it can be shown anywhere.
func (e *CredentialsError) Error() string { return ErrCredentials.Error() }

// Unwrap makes errors.Is(err, ErrCredentials) true.
func (e *CredentialsError) Unwrap() error { return ErrCredentials }

// Authenticate returns the account that login (a username or an e-mail
// address) and password open, as it was read before the password was checked:
// its Epoch is the one that a session has to start with.
//
// An unknown login, a wrong password and a disabled account are all
// *[CredentialsError], after the same work: one hash is computed whatever was
// typed. ErrBusy, or what the store returns, otherwise.
func (s *Service) Authenticate(ctx context.Context, login, password string) (User, error) {
	u, err := s.byLogin(ctx, login)
	known := err == nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, err
	}
	hash := u.PasswordHash
	if !known {
		hash = s.hasher.Decoy()
	}
	// Text that cannot be a password (too long, not UTF-8) can open nothing.
	password, problem := preparePassword(password)
	if problem != "" {
		hash = s.hasher.Decoy()
	}
	same, err := s.hasher.Verify(ctx, password, hash)
	if err != nil && !errors.Is(err, errHash) {
		return User{}, err
	}
	if !known || !same || u.Disabled() {
		return User{}, &CredentialsError{User: u.ID, Cause: err}
	}
	if s.hasher.NeedsRehash(hash) {
		s.rehash(ctx, u, password)
	}
	return withoutHash(u), nil
}

func (s *Service) byLogin(ctx context.Context, login string) (User, error) {
	key, ok := LoginKey(login)
	if !ok {
		return User{}, ErrNotFound
	}
	return s.store.ByLogin(ctx, key)
}

// rehash stores a stronger hash while the password is at hand. If it fails the
// person is logged in all the same and the next log-in tries again.
func (s *Service) rehash(ctx context.Context, u User, password string) {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return
	}
	_ = s.store.Rehash(ctx, u.ID, u.PasswordHash, hash)
}
