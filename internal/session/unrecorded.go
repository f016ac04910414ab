package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Ends that the store has done while the ledger was away are answered as an
// error, and still they should not be undone by a store that loses them. So the
// node keeps them until the ledger answers. It keeps session ids and nothing
// else: an id says what to end for ever, while an epoch raised later would end
// sessions that have begun since.
//
// They are kept in memory. If the node crashes before the ledger has answered
// they are forgotten; then such a session comes back if the store loses its end
// as well, unless somebody did as the answer asked and repeated it.

// MaxUnrecorded is how many such sessions a node keeps, some 15 MB of them.
// Beyond it ends are still done, and answered with the same error, but no longer
// kept.
const MaxUnrecorded = 100_000

const (
	// A ledger that is away is tried again after firstTry, then twice that and
	// so on up to lastTry. That is also how long other nodes may not know of
	// such an end once the ledger is back.
	firstTry = 100 * time.Millisecond
	lastTry  = time.Second
	// partingTry bounds the attempts of a node that stops.
	partingTry = 2 * time.Second
)

// keptAtOnce is how many kept sessions the ledger is told of in one transaction.
const keptAtOnce = 500

// keptEnd is at most keptAtOnce sessions that ended together.
type keptEnd struct {
	ids  []ID
	why  Why
	at   time.Time
	span Span // once recorded
}

// unrecorded are the kept ends, oldest first.
type unrecorded struct {
	mu      sync.Mutex
	ends    []*keptEnd
	reasons map[ID]Reason
	n       atomic.Int64  // len(reasons), for those who only look
	added   chan struct{} // has a token if there may be something new
}

func newUnrecorded() *unrecorded {
	return &unrecorded{reasons: map[ID]Reason{}, added: make(chan struct{}, 1)}
}

// keep returns how many of ids are kept now; those that were already, count.
func (u *unrecorded) keep(ids []ID, why Why, at time.Time) (kept int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var e *keptEnd
	for _, id := range ids {
		if _, ok := u.reasons[id]; ok {
			kept++
			continue
		}
		if len(u.reasons) >= MaxUnrecorded {
			continue
		}
		if e == nil || len(e.ids) == keptAtOnce {
			e = &keptEnd{why: why, at: at}
			u.ends = append(u.ends, e)
		}
		e.ids = append(e.ids, id)
		u.reasons[id] = why.Reason
		kept++
	}
	u.n.Store(int64(len(u.reasons)))
	select {
	case u.added <- struct{}{}:
	default:
	}
	return kept
}

// first returns the end that has waited longest, or nil.
func (u *unrecorded) first() *keptEnd {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.ends) == 0 {
		return nil
	}
	return u.ends[0]
}

// drop forgets the first end.
func (u *unrecorded) drop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range u.ends[0].ids {
		delete(u.reasons, id)
	}
	u.ends[0] = nil
	u.ends = u.ends[1:]
	u.n.Store(int64(len(u.reasons)))
}

// reasonOf returns why a kept session has ended and whether it is one.
func (u *unrecorded) reasonOf(id ID) (Reason, bool) {
	if u.n.Load() == 0 { // almost always
		return "", false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	why, ok := u.reasons[id]
	return why, ok
}

// Unrecorded returns how many sessions have ended of which the ledger does not
// know yet, and will be told by RecordLater.
func (m *Manager) Unrecorded() int { return int(m.unrecorded.n.Load()) }

// RecordLater tells the ledger of such ends as soon as it answers, and then the
// store that they are recorded, until ctx ends; before it returns it tries once
// more what is left. One call per Manager, where there are log-outs to be kept;
// a command, which is over before the ledger is back, has none.
func (m *Manager) RecordLater(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-m.unrecorded.added:
			m.recordKept(ctx)
		}
	}
	if m.Unrecorded() == 0 {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTry)
	defer cancel()
	for m.Unrecorded() > 0 {
		if err := m.recordFirst(last); err != nil {
			m.log.Error("stopping with ends that are done but not recorded; if the session store loses them they come back",
				"sessions", m.Unrecorded(), "error", err.Error())
			return
		}
	}
}

// recordKept goes on until nothing is kept or ctx ends.
func (m *Manager) recordKept(ctx context.Context) {
	began, total, warned := m.now(), 0, false
	for pause := firstTry; ctx.Err() == nil; {
		e := m.unrecorded.first()
		if e == nil {
			if total > 0 {
				m.log.Info("ends that were done are recorded now", "sessions", total, "after", m.now().Sub(began))
			}
			return
		}
		err := m.recordFirst(ctx)
		if err == nil {
			total += len(e.ids)
			pause = firstTry
			continue
		}
		if !warned {
			warned = true
			m.log.Warn("ends are done but not recorded; they are kept until the database answers",
				"sessions", m.Unrecorded(), "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, lastTry)
		}
	}
}

// recordFirst records the end that has waited longest and ends it once more in
// the store, which may have lost it meanwhile.
func (m *Manager) recordFirst(ctx context.Context) (err error) {
	e := m.unrecorded.first()
	if e.span == (Span{}) {
		if e.span, err = m.ledger.RecordEnd(ctx, e.ids, e.why, e.at); err != nil {
			return err
		}
	}
	if _, err := m.store.End(ctx, e.ids, e.why, m.clock()); err != nil {
		return err
	}
	applied(ctx, m.store, e.span)
	m.unrecorded.drop()
	return nil
}
