package redisdb

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Applied implements session.Store: seq moves if nothing before span is missing.
// Only a store that follows a ledger moves it. Between the end and this note the
// server may have crashed and come back without the end; the gate then applies
// it again before a connection is used, and without a gate nobody would. In a
// cluster only the gates move positions: of each shard by what all have ended.
func (s *Store) Applied(ctx context.Context, span session.Span) error {
	if s.cluster != nil || s.client.behind() == nil {
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

// replay applies entries, which are all that the ledger has after the position of
// the one of all that is least far, and moves the positions along. It stops early
// if a position is not what it should be: somebody else has applied them, or the
// server has lost its memory once more. It returns how many it applied, and if it
// failed with which.
func replay(ctx context.Context, all []*Store, entries []session.Entry) (applied int, failed shardSet, err error) {
	for len(entries) > 0 {
		n := 0 // entries in front that a script can do together
		for n < len(entries) && n < applyBatch && !isForAll(entries[n]) {
			n++
		}
		done := false
		if n == 0 {
			n = 1
			done, failed, err = replayAll(ctx, all, entries[0])
		} else {
			done, failed, err = replaySome(ctx, all, entries[:n])
		}
		if err != nil || !done {
			return applied, failed, err
		}
		applied += n
		entries = entries[n:]
	}
	return applied, 0, nil
}

func isForAll(e session.Entry) bool { return e.Session == "" && e.User == "" }

// replaySome does to each of all what of the entries concerns it.
func replaySome(ctx context.Context, all []*Store, entries []session.Entry) (done bool, failed shardSet, err error) {
	last := entries[len(entries)-1].Seq
	for _, s := range all {
		if s.position.seq >= last {
			continue
		}
		var mine []session.Entry
		for _, e := range entries {
			if e.Seq > s.position.seq && s.concerns(e) {
				mine = append(mine, e)
			}
		}
		if done, err := s.replaySome(ctx, mine, last); err != nil || !done {
			return false, s.bit(), err
		}
	}
	return true, 0, nil
}

// replaySome does the entries and moves the position to last in one step. If these
// were two, a server that crashes in between and comes back without the first would
// be given the second.
func (s *Store) replaySome(ctx context.Context, entries []session.Entry, last int64) (done bool, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		done, err = s.replayOn(c, entries, last)
		return err
	})
	return done, err
}

// replayOn is replaySome on a connection.
func (s *Store) replayOn(c boundConn, entries []session.Entry, last int64) (done bool, err error) {
	args := []any{s.longest.Milliseconds(), epochMemory.Milliseconds(), s.position.seq, last}
	for _, e := range entries {
		args = append(args, packID(e.Session), packUser(e.User), e.Epoch.User, packID(cmp.Or(e.Keep, e.Why.Successor)), string(e.Why.Reason), e.At.UnixMilli())
	}
	done, err = redis.Bool(c.eval(replayScript, args...))
	if err == nil && done {
		s.position.seq = last
	}
	return done, err
}

// replayAll is an end of everyone, which takes many steps. The positions move
// only if the server has been the same all the time, and nothing has been moved to
// it (serverOf).
func replayAll(ctx context.Context, all []*Store, e session.Entry) (done bool, failed shardSet, err error) {
	var todo []*Store
	for _, s := range all {
		if s.position.seq < e.Seq {
			todo = append(todo, s)
			failed |= s.bit()
		}
	}
	if len(todo) == 0 {
		return true, 0, nil
	}
	var before string
	err = todo[0].client.do(ctx, func(c boundConn) (err error) {
		before, err = serverOf(c)
		return err
	})
	if err != nil {
		return false, failed, err
	}
	if _, err := endEveryone(ctx, todo, todo[0].scanIDs, user.Epoch{All: e.Epoch.All}, e.Why, e.At); err != nil {
		return false, failed, err
	}
	for _, s := range todo {
		err := s.client.do(ctx, func(c boundConn) error {
			done = false
			after, err := serverOf(c)
			if err != nil || after != before {
				return err
			}
			done, err = s.replayOn(c, nil, e.Seq) // of no entry: it only moves the position
			return err
		})
		if err != nil || !done {
			return false, s.bit(), err
		}
	}
	return true, 0, nil
}

// Position returns the last entry of the ledger that the server has applied, in a
// cluster that any shard has, and the greatest epoch of everyone that is known: a
// database that knows less is older.
func (s *Store) Position(ctx context.Context) (seq int64, all uint32, err error) {
	for _, one := range s.each() {
		n, epoch, err := one.positionAlone(ctx)
		if err != nil {
			return 0, 0, err
		}
		seq, all = max(seq, n), max(all, epoch)
	}
	return seq, all, nil
}

// positionAlone is Position of one shard.
func (s *Store) positionAlone(ctx context.Context) (seq int64, all uint32, err error) {
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
	kind := keys("").epochs()
	return s.scanKeys(ctx, kind+"*", func(found []string) error {
		for _, one := range s.each() {
			var own []string
			for _, key := range found {
				if strings.HasPrefix(key, one.keys.epochs()) {
					own = append(own, key)
				}
			}
			if len(own) == 0 {
				continue
			}
			err := one.client.do(ctx, func(c boundConn) error {
				_, err := c.Do("DEL", redis.Args{}.AddFlat(own)...)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
