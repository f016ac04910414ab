package limit

import (
	"context"
	"time"
)

// Off lets everything pass: for tests, and for an installation that is limited
// elsewhere.
type Off struct{}

var _ Limiter = Off{}

// Take implements [Limiter].
func (Off) Take(ctx context.Context, _ Rule, _ string) (time.Duration, error) { return 0, ctx.Err() }
