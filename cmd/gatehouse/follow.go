package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
)

// follow puts the gate between this node and Redis: sessions are checked only
// while Redis has applied every end that the database knows.
func (s *stores) follow(ctx context.Context, c config.Config, acceptOlder bool, log *slog.Logger) error {
	if s.redis == nil {
		return nil // sessions and ledger are in one database
	}
	name, err := s.db.Patient().Settings().Secret(ctx, "ledger-name", 16)
	if err != nil {
		return err
	}
	if acceptOlder {
		if err := s.acceptOlder(ctx, log); err != nil {
			return err
		}
	}
	err = s.redis.Follow(ctx, redisdb.Gate{
		Ledger: s.ledger,
		Name:   hex.EncodeToString(name),
		Lease:  c.LedgerLease,
		Log:    log,
	})
	switch {
	case errors.Is(err, redisdb.ErrLedgerOlder):
		return fmt.Errorf("%w\nIt looks as if the database was restored from a backup made before those ends: it no longer knows which sessions had ended, or which accounts were shut since."+
			"\nCheck that this is the right database. If it is, start once with --accept-older-database: every session is ended and everybody logs in again", err)
	case errors.Is(err, redisdb.ErrOtherLedger):
		return fmt.Errorf("%w\nGive each installation a Redis database of its own (the number at the end of GATEHOUSE_REDIS_URL), or empty this one", err)
	case errors.Is(err, redisdb.ErrOldRedis):
		return fmt.Errorf("the Redis server is too old: upgrade it to 7.0 or newer, or correct GATEHOUSE_REDIS_URL\n%w", err)
	}
	return err
}

// acceptOlder makes a restored database the truth: numbering goes on where
// Redis has seen it, and everybody is put out.
func (s *stores) acceptOlder(ctx context.Context, log *slog.Logger) error {
	seq, all, err := s.redis.Position(ctx)
	if err != nil {
		return err
	}
	head, err := s.db.Patient().Ledger().Head(ctx)
	if err != nil {
		return err
	}
	if seq <= head {
		log.Warn("--accept-older-database is not needed: the database knows every end that Redis knows")
		return nil
	}
	if err := s.db.Patient().Ledger().SkipTo(ctx, seq, all); err != nil {
		return err
	}
	if err := s.redis.ForgetEpochs(ctx); err != nil {
		return err
	}
	receipt, err := s.manager().EndAll(ctx, session.Why{Reason: session.Forced})
	if err != nil {
		return err
	}
	log.Warn("the older database was accepted and every session ended", "sessions", receipt.Ended, "ends forgotten", seq-head)
	return nil
}
