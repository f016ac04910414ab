package session

import (
	"slices"

	"gatehouse/internal/user"
)

// Reason says why a session ended.
type Reason string

// The reasons.
const (
	Logout   Reason = "logout"   // the person logged out, here or from another device
	Forced   Reason = "forced"   // an administrator or operator put the person out
	Expired  Reason = "expired"  // a deadline passed
	Password Reason = "password" // the password was changed
	Disabled Reason = "disabled" // the account was shut
	Replaced Reason = "replaced" // another session or token took its place
	Reuse    Reason = "reuse"    // a spent refresh token was shown again
)

var reasons = []Reason{Logout, Forced, Expired, Password, Disabled, Replaced, Reuse}

// Reasons returns all reasons.
func Reasons() []Reason { return slices.Clone(reasons) }

// ParseReason returns the reason named s and whether there is one.
func ParseReason(s string) (Reason, bool) {
	if r := Reason(s); slices.Contains(reasons, r) {
		return r, true
	}
	return "", false
}

// EndedError says that a session is over, and why if that is still known.
type EndedError struct {
	// Reason is Expired also for a session of which nothing is left: the
	// store forgets a record by itself only when its time has run out.
	Reason Reason
}

// Error implements error.
func (e *EndedError) Error() string { return "session ended: " + string(e.Reason) }

// Why describes one end, for the ledger and the tombstone.
type Why struct {
	Reason Reason
	Actor  user.ID // who asked for it; empty: the operator or the program itself
	// Successor is set if only a token is at an end, and not the session: the id
	// that the session goes by from then on.
	Successor ID
}
