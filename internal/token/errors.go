package token

import (
	"errors"

	"gatehouse/internal/user"
)

// Errors of this package and of the stores behind it. Compare with errors.Is.
var (
	// ErrToken: the text is no access token of ours that counts now. It is a
	// *RefusedError.
	ErrToken = errors.New("token: refused")
	// ErrKeyTaken: another key was added since the list was read; nothing was
	// added.
	ErrKeyTaken = errors.New("token: another key was added first")
	// ErrNoKey: there is no key of that id.
	ErrNoKey = errors.New("token: no such key")
	// ErrSealed: the private part of a key cannot be opened with this secret.
	ErrSealed = errors.New("token: the key is sealed with another secret")
	// ErrUnavailable: the database did not answer, so nothing is known about
	// the token or nothing can be signed.
	ErrUnavailable = user.ErrUnavailable
)

// RefusedError says why a token was refused.
type RefusedError struct {
	// Reason is for the log: the client is told no more than that the token
	// does not count. It never repeats anything of the token.
	Reason string
}

// Error implements error.
func (e *RefusedError) Error() string { return "token: refused: " + e.Reason }

// Is makes errors.Is(err, ErrToken) true.
func (e *RefusedError) Is(target error) bool { return target == ErrToken }

func refused(reason string) error { return &RefusedError{reason} }
