package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// pruneEvery is how often a node removes what is past its time; nodes do
	// so at different moments.
	pruneEvery = 10 * time.Minute
	// auditKept is how long the audit log remembers.
	auditKept = 90 * 24 * time.Hour
)

// prune removes what nobody will ask for again, now and then until ctx ends.
// longest is the longest lifetime of a session: an older end cannot matter.
func (s *stores) prune(ctx context.Context, log *slog.Logger, longest time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pruneEvery/2 + rand.N(pruneEvery)):
		}
		now := time.Now()
		for what, prune := range map[string]func() (int, error){
			"sessions":     func() (int, error) { return s.db.PruneSessions(ctx, now) },
			"ledger":       func() (int, error) { return s.db.PruneLedger(ctx, now.Add(-longest)) },
			"set-up codes": func() (int, error) { return s.db.PruneSetupCodes(ctx, now) },
			"audit log":    func() (int, error) { return s.db.Audit().Prune(ctx, now.Add(-auditKept)) },
		} {
			n, err := prune()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				log.Warn("pruning failed; the next round tries again", "what", what, "error", err.Error())
			case n > 0:
				log.Info("pruned", "what", what, "rows", n)
			}
		}
	}
}
