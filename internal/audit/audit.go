package audit

import (
	"context"
	"net/netip"
	"time"

	"gatehouse/internal/user"
)

// Kind says what happened.
type Kind string

// The kinds. Pages translate them by the key "activity_" + kind.
const (
	SignUp         Kind = "signup"
	Login          Kind = "login"
	LoginFailed    Kind = "login_failed"
	Logout         Kind = "logout"
	SessionEnded   Kind = "session_ended" // one session, by its user or an administrator
	SessionsEnded  Kind = "sessions_ended"
	PasswordChange Kind = "password"
	Disable        Kind = "disabled"
	Enable         Kind = "enabled"
	RoleChange     Kind = "role"
)

// Event is one thing that happened to one account.
type Event struct {
	At     time.Time
	Kind   Kind
	User   user.ID    // whose account
	Actor  user.ID    // who did it; empty: the operator at the command line
	IP     netip.Addr // from where; may be invalid (command line)
	Device string     // "Chrome · Windows"; may be empty
	Note   string     // an administrator's reason, or what changed; may be empty
}

// Log keeps events. Errors wrap user.ErrUnavailable when the database is away.
type Log interface {
	// Append adds the event.
	Append(ctx context.Context, e Event) error
	// Recent returns the newest events of u's account, newest first.
	Recent(ctx context.Context, u user.ID, limit int) ([]Event, error)
	// Prune removes events older than before and returns how many.
	Prune(ctx context.Context, before time.Time) (int, error)
}
