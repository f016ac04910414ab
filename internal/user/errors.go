package user

import (
	"errors"
	"sort"
	"strings"
)

// Errors of this package and of the stores behind it. Compare with errors.Is.
var (
	// ErrNotFound: there is no such account.
	ErrNotFound = errors.New("user: not found")
	// ErrUsernameTaken and ErrEmailTaken: another account has it.
	ErrUsernameTaken = errors.New("user: username is taken")
	ErrEmailTaken    = errors.New("user: e-mail address is taken")
	// ErrCredentials is the one answer to an unknown user, a wrong password
	// and a disabled account; a caller cannot tell them apart.
	ErrCredentials = errors.New("user: username or password is wrong")
	// ErrChanged: the row is not what the caller had read; nothing was written.
	ErrChanged = errors.New("user: account was changed meanwhile")
	// ErrLastAdmin: the change would leave no administrator who can log in.
	ErrLastAdmin = errors.New("user: the last administrator must stay")
	// ErrSetupClosed: an administrator exists; the set-up link has done its work.
	ErrSetupClosed = errors.New("user: set-up is closed")
	// ErrSetupCode: the set-up code is unknown or too old.
	ErrSetupCode = errors.New("user: set-up code does not count")
	// ErrBusy: too many passwords are being checked; come back in a second.
	ErrBusy = errors.New("user: too many passwords are being checked")
	// ErrUnavailable: a store did not answer. It says nothing about the
	// account or session asked for.
	ErrUnavailable = errors.New("store is unavailable")
)

// Invalid is the error for input that breaks rules: per form field
// ("username", "password", "email", "name", "current") the key of one message,
// such as "password_short". Pages translate the key.
type Invalid map[string]string

// Error lists fields and keys, for logs and the command line.
func (i Invalid) Error() string {
	parts := make([]string, 0, len(i))
	for field, key := range i {
		parts = append(parts, field+": "+key)
	}
	sort.Strings(parts)
	return "invalid input (" + strings.Join(parts, ", ") + ")"
}
