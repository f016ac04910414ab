package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/session"
)

// The audit log remembers as long as it is told to, and no longer.
func TestPruneKeepsTheAuditLogAsLongAsConfigured(t *testing.T) {
	ctx, now := context.Background(), time.Now()
	c, err := config.Serve{AuditKept: "7d"}.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.DataDir = t.TempDir()
	s, err := openStores(ctx, c.StoreConfig, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	for _, age := range []time.Duration{0, 6 * 24 * time.Hour, 7*24*time.Hour - time.Minute, 7*24*time.Hour + time.Minute, 90 * 24 * time.Hour} {
		if err := s.db.Audit().Append(ctx, audit.Event{At: now.Add(-age), Kind: audit.LoginFailed}); err != nil {
			t.Fatal(err)
		}
	}
	s.pruneOnce(ctx, slog.New(slog.DiscardHandler), now, time.Hour, c.AuditKept)
	left, _, err := s.db.Audit().Search(ctx, audit.Query{})
	if err != nil || len(left) != 3 {
		t.Errorf("%d events left, want 3 (%v)", len(left), err)
	}
}

// An end outlives every session that it ended also when the clock of the node
// that prunes is a day ahead, or that of the node which recorded it a day behind.
func TestPruneForgetsNoEndTooEarly(t *testing.T) {
	ctx, now := context.Background(), time.Now()
	const longest = time.Hour
	s, err := openStores(ctx, config.StoreConfig{DataDir: t.TempDir()}, longest)
	check(t, err)
	defer s.Close()
	_, err = s.db.Migrate(ctx)
	check(t, err)
	for _, age := range []time.Duration{time.Minute, longest, longest + 23*time.Hour, longest + 25*time.Hour} {
		_, err := s.db.Ledger().RecordEnd(ctx, []session.ID{session.IDOf(age.String())}, session.Why{Reason: session.Forced}, now.Add(-age))
		check(t, err)
	}
	s.pruneOnce(ctx, slog.New(slog.DiscardHandler), now, longest, longest)
	left, err := s.db.Ledger().After(ctx, 0, 10)
	if err != nil || len(left) != 3 {
		t.Errorf("%d ends left, want 3 (%v)", len(left), err)
	}
}
