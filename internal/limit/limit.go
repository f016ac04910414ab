package limit

import (
	"context"
	"time"
)

// Rule is a rate for the generic cell rate algorithm (GCRA): Burst tries at
// once, then one more per Every.
type Rule struct {
	Name  string // part of the key; unique per rule
	Burst int    // at least 1
	Every time.Duration
}

// Limiter decides whether a try may go ahead, and reserves it in the same
// step, so that simultaneous tries cannot pass together.
type Limiter interface {
	// Take reserves one try under r for key. It returns 0 if the try may go
	// ahead, else how long to wait before the next can; a refused try costs
	// nothing. Errors wrap user.ErrUnavailable.
	Take(ctx context.Context, r Rule, key string) (wait time.Duration, err error)
}
