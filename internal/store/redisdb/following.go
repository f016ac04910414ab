package redisdb

import (
	"errors"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Following returns how far the store follows its ledger, and whether it follows
// one at all. Of many servers it is the one that is least far.
func (s *Store) Following() (session.Following, bool) {
	if s.hearing == nil {
		return session.Following{}, false
	}
	h := s.hearing
	h.mu.Lock()
	f := session.Following{Known: h.head, Answered: h.asked, Refused: h.turned.Load(), Shut: h.refused != nil}
	h.mu.Unlock()
	for i, g := range s.gates() {
		if applied := g.applied.Load(); i == 0 || applied < f.Applied {
			f.Applied = applied
		}
	}
	return f, true
}

// turnAway counts a connection that is not used because of err, unless that is
// trouble with the connection itself.
func (h *hearing) turnAway(err error) error {
	for _, ours := range []error{errLease, errBehind, ErrLedgerOlder, ErrOtherLedger, session.ErrUnavailable} {
		if errors.Is(err, ours) {
			h.turned.Add(1)
			break
		}
	}
	return err
}

// positions is positionsOf, and remembers the one that is least far.
func (g *gate) positions(c redis.Conn, on shardSet) (map[session.Shard]position, error) {
	all, err := positionsOf(c, g.raw, on)
	least := int64(-1)
	for _, p := range all {
		if p.ledger == g.name && (least < 0 || p.seq < least) {
			least = p.seq
		}
	}
	if least >= 0 {
		g.applied.Store(least)
	}
	return all, err
}
