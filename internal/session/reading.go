package session

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/user"
)

// Whoever reads the sessions of everybody shares the store and the processors
// with those who only want to get in. So of a node's readers one is at work at a
// time, and rests for as long as it has worked; the others wait for their turn.

const (
	// maxReaders is how many may read or wait for it.
	maxReaders = 8
	// turnWithin is how long one waits.
	turnWithin = 10 * time.Second
	// restAfter is after how many sessions a reader looks whether it is time to
	// rest, and restFrom how much rest has to be due. A check that comes meanwhile
	// may have to wait for so long. Shorter sleeps than a millisecond take a
	// millisecond too, so a list takes longer for it.
	restAfter = 10
	restFrom  = 250 * time.Microsecond
	// restMost bounds the rest after work that is slow because of others, as an
	// end by filter is that waits for the ledger.
	restMost = 10 * time.Millisecond
)

// reading lets one reader at a time go through everybody's sessions.
type reading struct {
	places chan struct{} // one for each reader, at work or waiting
	turn   chan struct{}
}

func newReading() reading {
	return reading{make(chan struct{}, maxReaders), make(chan struct{}, 1)}
}

// begin waits for the turn, which done ends. user.ErrBusy if there are too many
// others or it takes too long.
func (r reading) begin(ctx context.Context) (done func(), err error) {
	select {
	case r.places <- struct{}{}:
	default:
		return nil, user.ErrBusy
	}
	late := time.NewTimer(turnWithin)
	defer late.Stop()
	select {
	case r.turn <- struct{}{}:
		return func() { <-r.turn; <-r.places }, nil
	case <-late.C:
		err = user.ErrBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	<-r.places
	return nil, err
}

// readAll is each for a list, in turn. It ends early, and says so, when fn
// returns errEnough or, unless long is 0, after long.
func (m *Manager) readAll(ctx context.Context, f Filter, long time.Duration, fn func(Session) error) (stopped bool, err error) {
	if !f.narrow() {
		done, err := m.reading.begin(ctx)
		if err != nil {
			return false, err
		}
		defer done()
	}
	began := time.Now() // how long the client waits goes by the real clock
	err = m.eachSeen(ctx, f, m.clock(), &pace{since: time.Now()}, func(s Session, matches bool) error {
		if long > 0 && time.Since(began) > long {
			return errEnough
		}
		if !matches {
			return nil
		}
		return fn(s)
	})
	if errors.Is(err, errEnough) {
		return true, nil
	}
	return false, err
}

// pace makes who works at length rest as long as it works.
type pace struct {
	n     int
	since time.Time // of the last rest
}

// step is called for each session.
func (p *pace) step(ctx context.Context) error {
	if p.n++; p.n%restAfter != 0 {
		return nil
	}
	worked := time.Since(p.since)
	if worked < restFrom {
		return nil
	}
	rest := time.NewTimer(min(worked, restMost))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.since = time.Now()
	return nil
}
