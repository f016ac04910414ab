package session

import (
	"context"
	"time"
)

// Together is a Store that shares a database with the ledger, as in the
// embedded default: an end and its row in the ledger are one transaction.
// Ends of a user or of everyone need no such thing, because in such a store the
// raise of the epoch, which the ledger does, is the end.
type Together interface {
	Store
	// Records reports whether l is the ledger in the same database.
	Records(l Ledger) bool
	// AtOnce is how many sessions one EndRecorded should end of very many, so
	// that others need not wait long for its transaction. It leaves others their
	// part of the processors by itself.
	AtOnce() int
	// EndRecorded is Ledger.RecordEnd and Store.End.
	EndRecorded(ctx context.Context, ids []ID, why Why, now time.Time) (ended int, err error)
	// RenewRecorded is Ledger.RecordEnd of old for why and Store.Renew.
	RenewRecorded(ctx context.Context, old, next Session, why Why) error
}

// ender does both halves of an end by id. It is the only place that knows in
// how many steps.
type ender interface {
	// atOnce is how many of very many one end should end, and whether it rests
	// as it goes.
	atOnce() (n int, rests bool)
	// end does as much as can be done and says which half of it failed.
	end(ctx context.Context, ids []ID, why Why, now time.Time) (ended int, unrecorded, undone error)
	// endRecorded ends nothing that is not recorded.
	endRecorded(ctx context.Context, ids []ID, why Why, now time.Time) (ended int, unrecorded, undone error)
	// renew puts next in the place of old, whose end is recorded before or with
	// it: the old token stays at an end, whatever the store forgets.
	renew(ctx context.Context, old, next Session, why Why) error
}

func enderFor(store Store, ledger Ledger) ender {
	if both, ok := store.(Together); ok && both.Records(ledger) {
		return oneStep{both}
	}
	return twoSteps{store, ledger}
}

// oneStep is a transaction: it does both halves or neither.
type oneStep struct{ store Together }

func (s oneStep) atOnce() (int, bool) { return s.store.AtOnce(), true }

func (s oneStep) end(ctx context.Context, ids []ID, why Why, now time.Time) (int, error, error) {
	ended, err := s.store.EndRecorded(ctx, ids, why, now)
	return ended, err, err
}

func (s oneStep) endRecorded(ctx context.Context, ids []ID, why Why, now time.Time) (int, error, error) {
	return s.end(ctx, ids, why, now)
}

func (s oneStep) renew(ctx context.Context, old, next Session, why Why) error {
	return s.store.RenewRecorded(ctx, old, next, why)
}

// twoSteps tells first the ledger and then the store, and then the store that
// it has done what the ledger says. If that last note is lost the store is told
// again what it knows already.
type twoSteps struct {
	store  Store
	ledger Ledger
}

func (s twoSteps) atOnce() (int, bool) { return endAtOnce, false }

func (s twoSteps) end(ctx context.Context, ids []ID, why Why, now time.Time) (ended int, unrecorded, undone error) {
	ended, unrecorded, undone = s.endRecorded(ctx, ids, why, now)
	if unrecorded != nil {
		ended, undone = s.store.End(ctx, ids, why, now)
	}
	return ended, unrecorded, undone
}

func (s twoSteps) endRecorded(ctx context.Context, ids []ID, why Why, now time.Time) (ended int, unrecorded, undone error) {
	span, err := s.ledger.RecordEnd(ctx, ids, why, now)
	if err != nil {
		return 0, err, err
	}
	if ended, err = s.store.End(ctx, ids, why, now); err != nil {
		return ended, nil, err
	}
	applied(ctx, s.store, span)
	return ended, nil, nil
}

func (s twoSteps) renew(ctx context.Context, old, next Session, why Why) error {
	span, err := s.ledger.RecordEnd(ctx, []ID{old.ID}, why, next.LastSeen)
	if err != nil {
		return err
	}
	if err := s.store.Renew(ctx, old, next); err != nil {
		return err
	}
	applied(ctx, s.store, span)
	return nil
}

// applied notes that the store has done what the ledger says.
func applied(ctx context.Context, store Store, span Span) {
	if span.Last > 0 {
		_ = store.Applied(ctx, span)
	}
}
