package session

import (
	"context"
	"time"

	"gatehouse/internal/user"
)

// Operation is a class of what a store or the ledger is asked for.
type Operation uint8

// The operations.
const (
	OpCheck  Operation = iota // Store.Find
	OpStart                   // Store.Start, Store.Renew
	OpWrite                   // Store.Save, Store.Touch, Store.Rotate
	OpEnd                     // Store.End, EndUser, EndAll
	OpList                    // Store.ListUser
	OpScan                    // Store.Scan, from the first session to the last
	OpRecord                  // Ledger.RecordEnd, RaiseUser, RaiseAll
	OpFollow                  // Ledger.Head, Ledger.After

	// Operations is how many there are.
	Operations = iota
)

var operations = [Operations]string{"check", "start", "write", "end", "list", "scan", "record", "follow"}

// String returns the operation in one word.
func (o Operation) String() string { return operations[o] }

// Timer is told of every operation how long it took and what it returned. It is
// called while somebody waits for the answer.
type Timer interface {
	Timed(op Operation, took time.Duration, err error)
}

// TimedStore returns store with a timer that is told of what it does, by the clock
// now; it stays a [Together] if it is one. Ping and Confirm, which are about no
// session, are not timed.
func TimedStore(store Store, now func() time.Time, timer Timer) Store {
	t := timedStore{store, stopwatch{now, timer}}
	if both, ok := store.(Together); ok {
		return timedTogether{t, both}
	}
	return t
}

// TimedLedger is TimedStore for a ledger.
func TimedLedger(ledger Ledger, now func() time.Time, timer Timer) Ledger {
	return timedLedger{ledger, stopwatch{now, timer}}
}

type stopwatch struct {
	now   func() time.Time
	timer Timer
}

// stop tells the timer of an operation that began at begin.
func (w stopwatch) stop(op Operation, begin time.Time, err error) {
	w.timer.Timed(op, w.now().Sub(begin), err)
}

type timedStore struct {
	Store
	stopwatch
}

// Find implements Store.
func (t timedStore) Find(ctx context.Context, id ID) (Session, error) {
	begin := t.now()
	s, err := t.Store.Find(ctx, id)
	t.stop(OpCheck, begin, err)
	return s, err
}

// Start implements Store.
func (t timedStore) Start(ctx context.Context, s Start) error {
	begin := t.now()
	err := t.Store.Start(ctx, s)
	t.stop(OpStart, begin, err)
	return err
}

// Renew implements Store.
func (t timedStore) Renew(ctx context.Context, old, next Session) error {
	begin := t.now()
	err := t.Store.Renew(ctx, old, next)
	t.stop(OpStart, begin, err)
	return err
}

// Save implements Store.
func (t timedStore) Save(ctx context.Context, s Session, data []byte, now time.Time) error {
	begin := t.now()
	err := t.Store.Save(ctx, s, data, now)
	t.stop(OpWrite, begin, err)
	return err
}

// Touch implements Store.
func (t timedStore) Touch(ctx context.Context, s Session, now time.Time) error {
	begin := t.now()
	err := t.Store.Touch(ctx, s, now)
	t.stop(OpWrite, begin, err)
	return err
}

// Rotate implements Store.
func (t timedStore) Rotate(ctx context.Context, x Rotate) (Session, error) {
	begin := t.now()
	s, err := t.Store.Rotate(ctx, x)
	t.stop(OpWrite, begin, err)
	return s, err
}

// End implements Store.
func (t timedStore) End(ctx context.Context, ids []ID, why Why, now time.Time) (int, error) {
	begin := t.now()
	ended, err := t.Store.End(ctx, ids, why, now)
	t.stop(OpEnd, begin, err)
	return ended, err
}

// EndUser implements Store.
func (t timedStore) EndUser(ctx context.Context, u user.ID, epoch user.Epoch, keep ID, why Why, now time.Time) (int, error) {
	begin := t.now()
	ended, err := t.Store.EndUser(ctx, u, epoch, keep, why, now)
	t.stop(OpEnd, begin, err)
	return ended, err
}

// EndAll implements Store.
func (t timedStore) EndAll(ctx context.Context, epoch user.Epoch, why Why, now time.Time) (int, error) {
	begin := t.now()
	ended, err := t.Store.EndAll(ctx, epoch, why, now)
	t.stop(OpEnd, begin, err)
	return ended, err
}

// ListUser implements Store.
func (t timedStore) ListUser(ctx context.Context, u user.ID, now time.Time) ([]Session, error) {
	begin := t.now()
	list, err := t.Store.ListUser(ctx, u, now)
	t.stop(OpList, begin, err)
	return list, err
}

// Scan implements Store.
func (t timedStore) Scan(ctx context.Context, now time.Time, fn func(Session) error) error {
	begin := t.now()
	err := t.Store.Scan(ctx, now, fn)
	t.stop(OpScan, begin, err)
	return err
}

// timedTogether is a timedStore that shares a database with the ledger.
type timedTogether struct {
	timedStore
	both Together
}

var _ Together = timedTogether{}

// Records implements Together: timed or not, a ledger is where it is.
func (t timedTogether) Records(l Ledger) bool {
	if timed, ok := l.(timedLedger); ok {
		l = timed.Ledger
	}
	return t.both.Records(l)
}

// EndRecorded implements Together.
func (t timedTogether) EndRecorded(ctx context.Context, ids []ID, why Why, now time.Time) (int, error) {
	begin := t.now()
	ended, err := t.both.EndRecorded(ctx, ids, why, now)
	t.stop(OpEnd, begin, err)
	return ended, err
}

// AtOnce implements Together.
func (t timedTogether) AtOnce() int { return t.both.AtOnce() }

// RenewRecorded implements Together.
func (t timedTogether) RenewRecorded(ctx context.Context, old, next Session, why Why) error {
	begin := t.now()
	err := t.both.RenewRecorded(ctx, old, next, why)
	t.stop(OpStart, begin, err)
	return err
}

type timedLedger struct {
	Ledger
	stopwatch
}

// RecordEnd implements Ledger.
func (t timedLedger) RecordEnd(ctx context.Context, ids []ID, why Why, now time.Time) (Span, error) {
	begin := t.now()
	span, err := t.Ledger.RecordEnd(ctx, ids, why, now)
	t.stop(OpRecord, begin, err)
	return span, err
}

// RaiseUser implements Ledger.
func (t timedLedger) RaiseUser(ctx context.Context, u user.ID, keep ID, why Why, now time.Time) (user.Epoch, Span, error) {
	begin := t.now()
	epoch, span, err := t.Ledger.RaiseUser(ctx, u, keep, why, now)
	t.stop(OpRecord, begin, err)
	return epoch, span, err
}

// RaiseAll implements Ledger.
func (t timedLedger) RaiseAll(ctx context.Context, why Why, now time.Time) (user.Epoch, Span, error) {
	begin := t.now()
	epoch, span, err := t.Ledger.RaiseAll(ctx, why, now)
	t.stop(OpRecord, begin, err)
	return epoch, span, err
}

// Head implements Ledger.
func (t timedLedger) Head(ctx context.Context) (int64, error) {
	begin := t.now()
	head, err := t.Ledger.Head(ctx)
	t.stop(OpFollow, begin, err)
	return head, err
}

// After implements Ledger.
func (t timedLedger) After(ctx context.Context, seq int64, limit int) ([]Entry, error) {
	begin := t.now()
	entries, err := t.Ledger.After(ctx, seq, limit)
	t.stop(OpFollow, begin, err)
	return entries, err
}
