package redisdb

import (
	"errors"
	"sync/atomic"

	"gatehouse/internal/session"
)

// Following returns how far the store follows its ledger, and whether it follows
// one at all.
func (s *Store) Following() (session.Following, bool) {
	g := s.client.gate
	if g == nil {
		return session.Following{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return session.Following{
		Known:    g.head,
		Applied:  g.observed.applied.Load(),
		Answered: g.asked,
		Refused:  g.observed.refused.Load(),
		Shut:     g.refused != nil,
	}, true
}

// observed is what the gate remembers for Following alone.
type observed struct {
	applied atomic.Int64
	refused atomic.Uint64
}

// turnAway counts a connection that is not used because of err, unless that is
// trouble with the connection itself.
func (g *gate) turnAway(err error) error {
	for _, ours := range []error{errLease, errBehind, ErrLedgerOlder, ErrOtherLedger, session.ErrUnavailable} {
		if errors.Is(err, ours) {
			g.observed.refused.Add(1)
			break
		}
	}
	return err
}
