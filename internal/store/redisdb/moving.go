package redisdb

import (
	"context"
	"errors"
	"strings"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// moving reads of a shard whose slot is being moved, one key at a time and past the
// gate, for the gate.
type moving struct{ cluster *cluster }

// get returns what is under a key; nil if there is nothing.
func (m *moving) get(ctx context.Context, s *Store, key string) (value []byte, err error) {
	err = route{m.cluster, s.shard}.doRaw(ctx, func(c boundConn) error {
		value, err = redis.Bytes(c.Do("GET", key))
		if errors.Is(err, redis.ErrNil) {
			value, err = nil, nil
		}
		return err
	})
	return value, err
}

// position returns how far the shard is.
func (m *moving) position(ctx context.Context, s *Store) (p position, err error) {
	three := make([]any, 3)
	for i, key := range []string{s.keys.seq(), s.keys.ledger(), s.keys.ending()} {
		value, err := m.get(ctx, s, key)
		if err != nil {
			return p, err
		}
		three[i] = value
	}
	return scanPosition(three)
}

// applied reports whether an entry of the ledger has been carried out, as far as one
// can see: that of a session which has a tombstone, with those by whose ids it went
// on, or of which nothing is left.
func (m *moving) applied(ctx context.Context, s *Store, e session.Entry) bool {
	if e.Session == "" {
		return false
	}
	for id := packID(e.Session); ; {
		stone, err := m.get(ctx, s, s.keys.tombstones()+id)
		if err != nil {
			return false
		}
		if stone == nil {
			record, err := m.get(ctx, s, s.keys.sessions()+id)
			return err == nil && record == nil
		}
		next, renewed := strings.CutPrefix(string(stone), string(session.Replaced)+":")
		if e.Why.Successor != "" || !renewed || next == "" {
			return true // common.lua says what tombstones say
		}
		id = next
	}
}
