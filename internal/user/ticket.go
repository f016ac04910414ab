package user

import (
	"context"
	"crypto/sha256"
	"time"
)

// Tickets keeps which log-ins wait, their password checked, for the person to
// say something more. A ticket is known by the hash of a text with a random number
// in it, which its holder alone has, so that a copy of the store logs nobody in.
// It is good for one use. Every method may also return an error that wraps [ErrUnavailable] or
// the context's error.
type Tickets interface {
	// Add adds a ticket that counts until expires, and forgets those that no
	// longer count at now.
	Add(ctx context.Context, hash [sha256.Size]byte, now, expires time.Time) error
	// Use uses the ticket up. It reports whether it was there and still counted
	// at now: of all who use the same one, to one of them.
	Use(ctx context.Context, hash [sha256.Size]byte, now time.Time) (bool, error)
}
