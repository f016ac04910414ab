package session

import (
	"context"
	"time"

	"gatehouse/internal/user"
)

// Ledger is the durable list of ends, in SQL: what a session store may forget
// in a crash or a failover, it can be told again from here. Each method is one
// transaction that has committed when it returns nil; an end is written here
// before the store is asked to forget. Errors wrap [ErrUnavailable] as for
// [Store].
type Ledger interface {
	// RecordEnd appends an entry for each session.
	RecordEnd(ctx context.Context, ids []ID, why Why, now time.Time) (Span, error)
	// RaiseUser raises the epoch of u by one, appends the entry and returns
	// the new epoch. user.ErrNotFound.
	RaiseUser(ctx context.Context, u user.ID, keep ID, why Why, now time.Time) (user.Epoch, Span, error)
	// RaiseAll raises everyone's epoch by one, appends the entry and returns
	// an epoch whose All is the new one.
	RaiseAll(ctx context.Context, why Why, now time.Time) (user.Epoch, Span, error)

	// Head returns the number of the newest entry, 0 if there has been none.
	Head(ctx context.Context) (int64, error)
	// After returns the entries numbered above seq, in order, at most limit.
	// An entry never appears after one with a greater number has, so that who
	// asks again from the last one seen misses none.
	After(ctx context.Context, seq int64, limit int) ([]Entry, error)
}

// Span is the numbers of the entries that one call appended; the zero Span is
// none.
type Span struct{ First, Last int64 }

// Entry is one row of the ledger. It ends one session (Session; if Why names a
// successor, its old id alone), all of a user begun before Epoch.User except Keep
// (User), or everyone's begun before Epoch.All (neither).
type Entry struct {
	Seq     int64
	Session ID
	User    user.ID
	Epoch   user.Epoch
	Keep    ID
	Why     Why
	At      time.Time
}

// Following is how far a node, and the store behind it, follow the ledger, for the
// figures that an operator watches. Nothing is decided by it.
type Following struct {
	Known    int64     // newest entry that this node knows of
	Applied  int64     // newest entry that the store said it has applied, when it was asked last
	Answered time.Time // when the ledger told last; zero: never
	Refused  uint64    // times that a connection to the store was not used because of the ledger, since the start
	Shut     bool      // the two do not belong together: nothing is served until a restart
}

// Lag returns how many entries the store was behind what the node knows of. An end
// that is being carried out makes it one for a moment.
func (f Following) Lag() int64 { return max(0, f.Known-f.Applied) }
