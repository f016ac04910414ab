package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatehouse/internal/user"
)

// LimitError is [ErrLimit] together with what would have to go.
type LimitError struct {
	// Oldest are the sessions that would have to end to make room for one
	// more, no more of them than needed: those seen longest ago, the oldest
	// first.
	Oldest []ID
}

// Error implements error.
func (e *LimitError) Error() string { return ErrLimit.Error() }

// Unwrap makes errors.Is(err, ErrLimit) true.
func (e *LimitError) Unwrap() error { return ErrLimit }

const (
	// replaceTries bounds how often room is made for one log-in. A program
	// lets the log-ins of a user replace others one at a time, so only those
	// on other nodes can be faster; each time they are, one of them is in.
	replaceTries = 32
	// replaceWait bounds the wait for the log-ins in front.
	replaceWait = 10 * time.Second
)

// startReplacing is the store's Start that, at the limit, ends the sessions
// seen longest ago, like every end first in the ledger, and tries again.
//
// The limit holds at every moment, because the store alone decides whether
// there is room. No more is ended than needed: who finds a session gone that
// was to make room has not ended it, and asks again. (If a session ends by
// itself between the refusal and the end, there is room for one more.)
func (m *Manager) startReplacing(ctx context.Context, s Start, replaced func(Session, error)) error {
	err := m.store.Start(ctx, s)
	if !errors.Is(err, ErrLimit) {
		return err // most log-ins; and where the store is away nobody waits
	}
	done, err := m.replacing.wait(ctx, s.Session.User, replaceWait)
	if err != nil {
		return err
	}
	defer done()
	for range replaceTries {
		err = m.store.Start(ctx, s)
		var full *LimitError
		if !errors.As(err, &full) {
			return err
		}
		if err := m.makeRoom(ctx, full.Oldest, s.Session.User, replaced); err != nil {
			return err
		}
	}
	return user.ErrBusy
}

// makeRoom is End, for u, for who would rather not be let in than have it half
// done: if the ledger is away, nothing ends. One after the other, so that it is
// known which of the sessions this call has ended: tell is told those.
func (m *Manager) makeRoom(ctx context.Context, ids []ID, u user.ID, tell func(Session, error)) error {
	ctx, why := context.WithoutCancel(ctx), Why{Reason: Replaced, Actor: u}
	if tell == nil {
		tell = func(Session, error) {}
	}
	for _, id := range ids {
		one, err := m.store.Find(ctx, id)
		if err != nil { // gone, unreadable or not to be had; what it was matters less than its end
			one = Session{ID: id, User: u}
		}
		ended, unrecorded, undone := m.ender.endRecorded(ctx, []ID{id}, why, m.clock())
		m.logEnd(ctx, []ID{id}, ended, why)
		switch {
		case unrecorded != nil:
			return unrecorded
		case undone != nil:
			tell(one, undone)
			return undone
		case ended > 0:
			tell(one, nil)
		}
	}
	return nil
}

// queue lets those who come for the same user go one at a time. Its zero value
// is empty.
type queue struct {
	mu    sync.Mutex
	lines map[user.ID]*line
}

// line is the people who have come for one user.
type line struct {
	turn   chan struct{} // holds a token while nobody has the turn
	people int
}

// wait returns when it is the caller's turn, who has to call done after it.
// user.ErrBusy if that takes longer than patience.
func (q *queue) wait(ctx context.Context, u user.ID, patience time.Duration) (done func(), err error) {
	l := q.join(u)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-l.turn:
		return func() {
			l.turn <- struct{}{}
			q.leave(u, l)
		}, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
		err = user.ErrBusy
	}
	q.leave(u, l)
	return nil, err
}

func (q *queue) join(u user.ID) *line {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[u]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		if q.lines == nil {
			q.lines = map[user.ID]*line{}
		}
		q.lines[u] = l
	}
	l.people++
	return l
}

func (q *queue) leave(u user.ID, l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.people--; l.people == 0 {
		delete(q.lines, u)
	}
}
