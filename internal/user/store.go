package user

import (
	"context"
	"time"
)

// Store keeps accounts. Every method may also return an error that wraps
// [ErrUnavailable] (database away, or too slow) or the context's error.
//
// Methods that raise the account's epoch do so in the same transaction as the
// change itself and its row in the ledger, and return the new epoch: from the
// commit on, a log-in that had read the old epoch cannot start a session.
type Store interface {
	// Create adds u with a fresh epoch. ErrUsernameTaken, ErrEmailTaken.
	Create(ctx context.Context, u User) error
	// ByID returns the account. ErrNotFound.
	ByID(ctx context.Context, id ID) (User, error)
	// ByLogin returns the account whose username is login or, if login
	// contains an @, whose e-mail address is login without regard to case.
	// ErrNotFound.
	ByLogin(ctx context.Context, login string) (User, error)
	// List returns the accounts that q selects, by username, and how many
	// there are in all.
	List(ctx context.Context, q Query) ([]User, int, error)

	// SetPassword replaces the hash and raises the epoch, if the stored hash
	// is still old; otherwise ErrChanged. An empty old replaces any hash.
	SetPassword(ctx context.Context, id ID, old, hash string, c Change) (Epoch, error)
	// Rehash replaces the hash by a stronger one of the same password. It
	// raises nothing, and does nothing if the stored hash is no longer old.
	Rehash(ctx context.Context, id ID, old, hash string) error
	// Disable shuts the account and raises the epoch. Shutting a shut account
	// raises it again and is no error. ErrNotFound, ErrLastAdmin.
	Disable(ctx context.Context, id ID, c Change) (Epoch, error)
	// Enable opens the account again. ErrNotFound.
	Enable(ctx context.Context, id ID, c Change) error
	// SetRole changes the role and raises the epoch; if the account has the
	// role already nothing changes and changed is false. ErrNotFound,
	// ErrLastAdmin.
	SetRole(ctx context.Context, id ID, role Role, c Change) (e Epoch, changed bool, err error)

	// HasAdmin reports whether an account with the administrator's role
	// exists, shut or not.
	HasAdmin(ctx context.Context) (bool, error)
	// AddSetupCode stores the hash of a set-up code that counts until expires.
	AddSetupCode(ctx context.Context, hash string, expires time.Time) error
	// SetupCode returns nil if hash counts at now, else ErrSetupClosed (an
	// administrator exists) or ErrSetupCode.
	SetupCode(ctx context.Context, hash string, now time.Time) error
	// CreateFirstAdmin makes u the first administrator and removes every
	// set-up code, atomically: of any number of simultaneous calls one
	// succeeds. Errors of Create and of SetupCode.
	CreateFirstAdmin(ctx context.Context, hash string, now time.Time, u User) error
}

// Change says who changes an account and when.
type Change struct {
	Actor ID // empty: the operator at the command line
	At    time.Time
	// Keep is the id of the session that a change of password spares, if any:
	// the one in which the person made it. SetPassword alone looks at it.
	Keep string
}

// Query selects accounts.
type Query struct {
	Text   string // part of username, name or e-mail address, any case; empty: all
	After  string // only usernames that come after this one; the total counts all the same
	Offset int
	Limit  int // at most this many; 0 means 50
}
