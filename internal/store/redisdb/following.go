package redisdb

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Following is how far this node and its server follow the ledger, for figures
// that an operator watches. Nothing is decided by it.
type Following struct {
	Known    int64     // newest entry of the ledger that this node knows of
	Applied  int64     // newest entry that the server said it has applied, when it was asked last
	Answered time.Time // when the ledger told last; zero: never
	Refused  uint64    // times that a connection was not used because of the ledger, since the start
	Shut     bool      // the two do not belong together: nothing is served until a restart
}

// Lag returns how many entries the server was behind what this node knows of. An
// end that is being carried out makes it one for a moment.
func (f Following) Lag() int64 { return max(0, f.Known-f.Applied) }

// Following returns how far the store follows its ledger, and whether it follows
// one at all.
func (s *Store) Following() (Following, bool) {
	g := s.client.gate
	if g == nil {
		return Following{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return Following{
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

// positionOf is positionOf, remembered.
func (g *gate) positionOf(c redis.Conn) (position, error) {
	p, err := positionOf(c)
	if err == nil && p.ledger == g.name {
		g.observed.applied.Store(p.seq)
	}
	return p, err
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
