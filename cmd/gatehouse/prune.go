package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// pruneEvery is how often a node removes what is past its time; nodes do so at
// different moments.
const pruneEvery = 10 * time.Minute

// clocksDisagree is by how much the clock of this node may be ahead of the one
// by which an end was recorded, or by which the session lives that it ended. An
// end that is forgotten too early could come undone.
const clocksDisagree = 24 * time.Hour

// prune removes what nobody will ask for again, now and then until ctx ends.
// longest is the longest lifetime of a session: an older end cannot matter.
// auditKept is how long the audit log remembers.
func (s *stores) prune(ctx context.Context, log *slog.Logger, longest, auditKept time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pruneEvery/2 + rand.N(pruneEvery)):
		}
		s.pruneOnce(ctx, log, time.Now(), longest, auditKept)
	}
}

// pruneOnce is one round of prune at now.
func (s *stores) pruneOnce(ctx context.Context, log *slog.Logger, now time.Time, longest, auditKept time.Duration) {
	for what, prune := range map[string]func() (int, error){
		"sessions":     func() (int, error) { return s.db.PruneSessions(ctx, now) },
		"ledger":       func() (int, error) { return s.db.PruneLedger(ctx, now.Add(-longest-clocksDisagree)) },
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
