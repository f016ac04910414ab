package redisdb

import (
	"context"
	"errors"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Applied implements session.Store: seq moves if nothing before span is missing.
func (s *Store) Applied(ctx context.Context, span session.Span) error {
	return s.client.do(ctx, func(c boundConn) error {
		_, err := c.eval(appliedScript, span.First, span.Last)
		return err
	})
}

// replay applies entries, which follow each other and the server's position,
// and moves seq to the last of them.
func (s *Store) replay(ctx context.Context, entries []session.Entry) error {
	for len(entries) > 0 {
		n := 0 // entries in front that a script can do together
		for n < len(entries) && n < applyBatch && !isForAll(entries[n]) {
			n++
		}
		if n == 0 {
			first := entries[0]
			if _, err := s.EndAll(ctx, user.Epoch{All: first.Epoch.All}, first.Why, first.At); err != nil {
				return err
			}
			n = 1
		} else if err := s.replaySome(ctx, entries[:n]); err != nil {
			return err
		}
		if err := s.Applied(ctx, session.Span{First: entries[0].Seq, Last: entries[n-1].Seq}); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func isForAll(e session.Entry) bool { return e.Session == "" && e.User == "" }

func (s *Store) replaySome(ctx context.Context, entries []session.Entry) error {
	args := []any{s.longest.Milliseconds(), epochMemory.Milliseconds()}
	for _, e := range entries {
		args = append(args, string(e.Session), string(e.User), e.Epoch.User, string(e.Keep), string(e.Why.Reason), e.At.UnixMilli())
	}
	return s.client.do(ctx, func(c boundConn) error {
		_, err := c.eval(replayScript, args...)
		return err
	})
}

// Position returns the last entry of the ledger that the server has applied and
// the greatest epoch of everyone that it knows.
func (s *Store) Position(ctx context.Context) (seq int64, all uint32, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		p, err := positionOf(c)
		if err != nil {
			return err
		}
		seq = p.seq
		n, err := redis.Uint64(c.Do("GET", "e"))
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
	return s.scanKeys(ctx, "e:*", func(keys []string) error {
		return s.client.do(ctx, func(c boundConn) error {
			_, err := c.Do("DEL", redis.Args{}.AddFlat(keys)...)
			return err
		})
	})
}
