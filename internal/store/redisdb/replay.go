package redisdb

import (
	"cmp"
	"context"
	"errors"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Applied implements session.Store: seq moves if nothing before span is missing.
// Only a store that follows a ledger moves it. Between the end and this note the
// server may have crashed and come back without the end; the gate then applies
// it again before a connection is used, and without a gate nobody would.
func (s *Store) Applied(ctx context.Context, span session.Span) error {
	if s.client.gate == nil {
		return nil // the nodes' gates will find the end missing, and apply it
	}
	return s.applied(ctx, span)
}

// applied is Applied for the gate itself, which knows what it does.
func (s *Store) applied(ctx context.Context, span session.Span) error {
	return s.client.do(ctx, func(c boundConn) error {
		_, err := c.eval(appliedScript, span.First, span.Last)
		return err
	})
}

// replay applies entries, which are all that the ledger has after seq up to the
// last of them, and moves the server's position along. It stops early if the
// position is not what it should be: somebody else has applied them, or the
// server has lost its memory once more. It returns how many it applied.
func (s *Store) replay(ctx context.Context, seq int64, entries []session.Entry) (applied int, err error) {
	for applied < len(entries) {
		rest := entries[applied:]
		n := 0 // entries in front that a script can do together
		for n < len(rest) && n < applyBatch && !isForAll(rest[n]) {
			n++
		}
		var done bool
		if n == 0 {
			n = 1
			done, err = s.replayAll(ctx, seq, rest[0])
		} else {
			done, err = s.replaySome(ctx, seq, rest[:n])
		}
		if err != nil || !done {
			return applied, err
		}
		applied += n
		seq = rest[n-1].Seq
	}
	return applied, nil
}

func isForAll(e session.Entry) bool { return e.Session == "" && e.User == "" }

// replaySome does the entries and moves the position in one step. If these were
// two, a server that crashes in between and comes back without the first would
// be given the second.
func (s *Store) replaySome(ctx context.Context, seq int64, entries []session.Entry) (done bool, err error) {
	args := []any{s.longest.Milliseconds(), epochMemory.Milliseconds(), seq, entries[len(entries)-1].Seq}
	for _, e := range entries {
		args = append(args, packID(e.Session), packUser(e.User), e.Epoch.User, packID(cmp.Or(e.Keep, e.Why.Successor)), string(e.Why.Reason), e.At.UnixMilli())
	}
	err = s.client.do(ctx, func(c boundConn) error {
		done, err = redis.Bool(c.eval(replayScript, args...))
		return err
	})
	return done, err
}

// replayAll is an end of everyone, which takes many steps. The position moves
// only if the server has been the same all the time.
func (s *Store) replayAll(ctx context.Context, seq int64, e session.Entry) (done bool, err error) {
	var before string
	err = s.client.do(ctx, func(c boundConn) (err error) {
		before, err = serverOf(c)
		return err
	})
	if err != nil {
		return false, err
	}
	if _, err := s.EndAll(ctx, user.Epoch{All: e.Epoch.All}, e.Why, e.At); err != nil {
		return false, err
	}
	err = s.client.do(ctx, func(c boundConn) error {
		after, err := serverOf(c)
		if err != nil || after != before {
			return err
		}
		// A replay of no entry: it only moves the position.
		done, err = redis.Bool(c.eval(replayScript, s.longest.Milliseconds(), epochMemory.Milliseconds(), seq, e.Seq))
		return err
	})
	return done, err
}

// Position returns the last entry of the ledger that the server has applied and
// the greatest epoch of everyone that it knows.
func (s *Store) Position(ctx context.Context) (seq int64, all uint32, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		p, err := positionOf(c, s.keys)
		if err != nil {
			return err
		}
		seq = p.seq
		n, err := redis.Uint64(c.Do("GET", s.keys.everyone()))
		if errors.Is(err, redis.ErrNil) {
			err = nil
		}
		all = uint32(n)
		return err
	})
	return seq, all, err
}

// ForgetEpochs drops the epochs of all users, for a database that has been put
// back to a time before they were raised. Without them a log-in that is under
// way at this moment is not stopped by an end of its user; the end of everyone
// has to come after.
func (s *Store) ForgetEpochs(ctx context.Context) error {
	return s.scanKeys(ctx, s.keys.epochs()+"*", func(keys []string) error {
		return s.client.do(ctx, func(c boundConn) error {
			_, err := c.Do("DEL", redis.Args{}.AddFlat(keys)...)
			return err
		})
	})
}
