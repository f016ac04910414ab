package session

import (
	"context"
	"time"

	"gatehouse/internal/user"
)

// Store keeps session records. Every method may also return an error that
// wraps [ErrUnavailable] or the context's error; then nothing is known of what
// it did, and repeating it is harmless.
//
// The contract that makes an end final: only Start and Renew create, and
// everything else that writes does so on condition that the session still
// lives, decided in the same atomic step as the write.
type Store interface {
	// Start creates s.Session on three conditions, decided atomically with the
	// create: the id is new (ErrExists), no epoch greater than that of the
	// session is known for the user or for all (ErrEpoch), and fewer than
	// s.Limit sessions of the user live (*LimitError). Sessions that have
	// expired when the new one begins, or that cannot be read, do not count.
	Start(ctx context.Context, s Start) error

	// Find returns the record of a session that has not been ended. It does
	// not look at the clock. *EndedError if it has been ended or nothing is
	// known of it, ErrUnreadable if the record cannot be decoded.
	Find(ctx context.Context, id ID) (Session, error)

	// Save replaces the data of s and moves LastSeen forward to now, if the
	// session lives and no deadline has passed at now; otherwise *EndedError.
	// Only s.ID, s.User, s.Idle and s.Deadline say which session; LastSeen
	// never moves back.
	Save(ctx context.Context, s Session, data []byte, now time.Time) error

	// Touch moves LastSeen forward like Save, and leaves the data as it is.
	Touch(ctx context.Context, s Session, now time.Time) error

	// Rotate is the use of a refresh token: what [Refresh.Use] says of it
	// happens in one atomic step, if the session lives and no deadline has
	// passed at x.Now; otherwise *EndedError. The first use of the current
	// token also moves LastSeen forward like Save. It returns the session as it
	// is then; whether this call was the first is told by Refresh.Nonce. With
	// ErrReuse, which changes nothing, it returns the session too. ErrToken,
	// ErrUnreadable.
	Rotate(ctx context.Context, x Rotate) (Session, error)

	// Renew puts next in the place of old in one step: old is ended as
	// Replaced with a pointer to next, next is created. *EndedError if old no
	// longer lives; ErrExists, ErrEpoch as for Start. The stored LastSeen and
	// Data of old are superseded by those of next. No limit is asked: there
	// are as many sessions as before.
	Renew(ctx context.Context, old, next Session) error

	// End ends the sessions and leaves tombstones. A session already gone is
	// not counted and no error; one that was renewed takes its successors
	// with it. ended counts the sessions that this call found alive.
	End(ctx context.Context, ids []ID, why Why, now time.Time) (ended int, err error)

	// EndUser ends every session of u begun before epoch, except keep (which
	// may be empty), which is moved on to epoch. From the moment it returns no
	// session of u can start with a smaller epoch. Its cost grows with the
	// sessions of u alone.
	EndUser(ctx context.Context, u user.ID, epoch user.Epoch, keep ID, why Why, now time.Time) (ended int, err error)

	// EndAll does to everyone's sessions what EndUser does to one user's, by
	// epoch.All.
	EndAll(ctx context.Context, epoch user.Epoch, why Why, now time.Time) (ended int, err error)

	// ListUser returns the sessions of u that have not been ended, expired
	// ones at now left out, last seen first. Unreadable records are left out.
	ListUser(ctx context.Context, u user.ID, now time.Time) ([]Session, error)

	// Scan calls fn with every session that has not been ended, expired ones
	// at now left out, in no order, unreadable ones left out, each at most
	// once, and stops at the first error of fn, which it returns. A session
	// that starts or ends meanwhile may or may not appear.
	Scan(ctx context.Context, now time.Time, fn func(Session) error) error

	// Applied tells a store that can lose what it has answered (session.Ledger
	// says how it catches up) that the rows of the ledger in span have been
	// applied to it. Not being told costs a repetition, no more. A store that
	// does not follow a ledger does not believe it: it cannot know that what was
	// applied has not been lost since.
	Applied(ctx context.Context, span Span) error

	// Confirm asks every node whether it has passed on the news of all ends
	// until now, and waits for the answers a fraction of a second at most. A
	// node that is not asked (a command, or one that has lost its connection)
	// is not counted.
	Confirm(ctx context.Context) (Nodes, error)

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
}

// Start is a session to be started, and on what condition.
type Start struct {
	Session Session
	// Limit is how many sessions of the user may live at once, this one
	// included; 0 is no limit.
	Limit int
}
