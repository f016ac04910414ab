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
//
// A session that expires is no event: nobody did it, and the log-in together
// with the configured deadlines says when it was.
const (
	Setup           Kind = "setup"          // the first administrator, by the one-time link
	SignUp          Kind = "signup"         // by the person
	SignUpRefused   Kind = "signup_refused" // see Detail.Refused; not for mistakes in the form
	Create          Kind = "created"        // an account made for somebody
	Login           Kind = "login"
	LoginFailed     Kind = "login_failed"
	LoginLimited    Kind = "login_limited" // refused unread: too many tries
	LoginFull       Kind = "login_full"    // the password was right, but there are as many sessions as may be
	Logout          Kind = "logout"
	SessionEnded    Kind = "session_ended"    // one session, by its user or an administrator
	SessionsEnded   Kind = "sessions_ended"   // several of a user, or of a network
	EveryoneEnded   Kind = "everyone_ended"   // every session there is
	PasswordFailed  Kind = "password_failed"  // a change, with a wrong current password
	PasswordLimited Kind = "password_limited" // a change refused unread: too many tries
	PasswordChange  Kind = "password"
	PasswordReset   Kind = "password_reset" // by somebody else
	Disable         Kind = "disabled"
	Enable          Kind = "enabled"
	RoleChange      Kind = "role"
	TokenReuse      Kind = "token_reuse" // a spent refresh token was shown again, which ended its session
	KeyAdded        Kind = "key_added"   // a key that signs access tokens, by command
	KeyRevoked      Kind = "key_revoked" // likewise
)

// Kinds returns all of them, in the order in which a filter offers them.
func Kinds() []Kind {
	return []Kind{
		Login, LoginFailed, LoginLimited, LoginFull, Logout, SessionEnded, SessionsEnded, EveryoneEnded, TokenReuse,
		Setup, SignUp, SignUpRefused, Create,
		PasswordChange, PasswordReset, PasswordFailed, PasswordLimited, Disable, Enable, RoleChange,
		KeyAdded, KeyRevoked,
	}
}

// MaxNote is how many characters of a reason are asked for and kept.
const MaxNote = 200

// Event is one thing that happened to one account, or with an empty User to an
// account that does not exist, to a network or to everyone.
type Event struct {
	At     time.Time
	Kind   Kind
	User   user.ID    // whose account; may be empty
	Actor  user.ID    // who did it; if empty, [Event.By] says what that means
	IP     netip.Addr // from where; may be invalid (command line)
	Device string     // "Chrome · Windows"; may be empty
	Note   string     // the reason that somebody gave; may be empty
	Detail Detail
}

// Detail is what only some kinds have to say. It holds nothing that was typed
// at a log-in: a name in the wrong field may be a password.
type Detail struct {
	Ended    int       `json:"ended,omitempty"`    // sessions that it ended
	Partial  bool      `json:"partial,omitempty"`  // an end that could not be finished: it has to be repeated
	From     user.Role `json:"from,omitempty"`     // RoleChange
	To       user.Role `json:"to,omitempty"`       // RoleChange, Create
	Remember bool      `json:"remember,omitempty"` // Login: on a device that is kept signed in
	Replaced bool      `json:"replaced,omitempty"` // SessionEnded: by a new log-in in the same browser
	Target   string    `json:"target,omitempty"`   // SessionEnded, TokenReuse: the device or client; SessionsEnded: the network
	Room     Room      `json:"room,omitempty"`     // SessionEnded: to make room for a log-in, and who chose it
	Asked    bool      `json:"asked,omitempty"`    // LoginFull: the person may choose which session ends
	Refused  Refusal   `json:"refused,omitempty"`  // SignUpRefused
	Bearer   bool      `json:"bearer,omitempty"`   // Login: for tokens and not for a cookie
	Client   string    `json:"client,omitempty"`   // Login: the name that the client gave itself
	Key      string    `json:"key,omitempty"`      // KeyAdded, KeyRevoked: its id
}

// Room says who chose a session to end for a log-in of the same user, who had as
// many as they may.
type Room string

// Who it can be.
const (
	RoomChosen Room = "chosen" // the person at the log-in
	RoomOldest Room = "oldest" // nobody: it was the one seen longest ago
)

// Refusal says why a sign-up was refused.
type Refusal string

// Why it can be.
const (
	RefusedMany   Refusal = "many"   // too many tries
	RefusedClosed Refusal = "closed" // nobody may sign up
	RefusedTaken  Refusal = "taken"  // somebody has the username or e-mail address
)

// By says who stands behind an event.
type By int

// Who it can be.
const (
	BySelf     By = iota // the account's owner
	ByOther              // somebody else with an account
	ByOperator           // whoever is at the command line
	ByNobody             // a visitor who has not shown to be anybody
)

// By says who did it.
func (e Event) By() By {
	switch {
	case e.Actor != "" && e.Actor == e.User:
		return BySelf
	case e.Actor != "":
		return ByOther
	case e.Kind == LoginFailed || e.Kind == LoginLimited || e.Kind == SignUpRefused || e.Kind == TokenReuse:
		return ByNobody
	}
	return ByOperator
}

// Log keeps events. Errors wrap user.ErrUnavailable when the database is away.
type Log interface {
	// Append adds the event.
	Append(ctx context.Context, e Event) error
	// Recent returns the newest events of u's account, newest first. What hit
	// everyone is among them.
	Recent(ctx context.Context, u user.ID, limit int) ([]Event, error)
	// Search returns what matches q, the latest appended first, and the cursor
	// of what follows: Query.Before of the next portion; 0 if nothing follows.
	Search(ctx context.Context, q Query) (entries []Entry, next int64, err error)
	// Prune removes events older than before and returns how many.
	Prune(ctx context.Context, before time.Time) (int, error)
}
