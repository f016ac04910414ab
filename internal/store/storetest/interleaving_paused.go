package storetest

import (
	"context"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// pausedLedger pauses in front of each transaction.
type pausedLedger struct {
	session.Ledger
	pause func(string)
}

// RecordEnd implements session.Ledger.
func (l pausedLedger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (session.Span, error) {
	l.pause("ledger.RecordEnd")
	return l.Ledger.RecordEnd(ctx, ids, why, now)
}

// RaiseUser implements session.Ledger.
func (l pausedLedger) RaiseUser(ctx context.Context, u user.ID, keep session.ID, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	l.pause("ledger.RaiseUser")
	return l.Ledger.RaiseUser(ctx, u, keep, why, now)
}

// RaiseAll implements session.Ledger.
func (l pausedLedger) RaiseAll(ctx context.Context, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	l.pause("ledger.RaiseAll")
	return l.Ledger.RaiseAll(ctx, why, now)
}

// Head implements session.Ledger.
func (l pausedLedger) Head(ctx context.Context) (int64, error) {
	l.pause("ledger.Head")
	return l.Ledger.Head(ctx)
}

// After implements session.Ledger.
func (l pausedLedger) After(ctx context.Context, seq int64, limit int) ([]session.Entry, error) {
	l.pause("ledger.After")
	return l.Ledger.After(ctx, seq, limit)
}

// pausedUsers pauses in front of each transaction of those that requests and
// ends use. Nothing else is left to call: the embedded store is nil.
type pausedUsers struct {
	user.Store
	users user.Store
	pause func(string)
}

// ByID implements user.Store.
func (s pausedUsers) ByID(ctx context.Context, id user.ID) (user.User, error) {
	s.pause("users.ByID")
	return s.users.ByID(ctx, id)
}

// ByLogin implements user.Store.
func (s pausedUsers) ByLogin(ctx context.Context, login string) (user.User, error) {
	s.pause("users.ByLogin")
	return s.users.ByLogin(ctx, login)
}

// SetPassword implements user.Store.
func (s pausedUsers) SetPassword(ctx context.Context, id user.ID, old, hash string, c user.Change) (user.Epoch, error) {
	s.pause("users.SetPassword")
	return s.users.SetPassword(ctx, id, old, hash, c)
}

// Disable implements user.Store.
func (s pausedUsers) Disable(ctx context.Context, id user.ID, c user.Change) (user.Epoch, error) {
	s.pause("users.Disable")
	return s.users.Disable(ctx, id, c)
}
