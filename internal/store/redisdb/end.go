package redisdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// endBatch is how many sessions one script run may end: a quarter of a
// millisecond of the server's time, during which checks wait.
const endBatch = 25

// restFrom is after how much work an end of many rests for as long, so that
// checks have half of the server's time to themselves.
const restFrom = time.Millisecond

// breath is when whoever ends very many has rested last.
type breath struct{ since time.Time }

// rest comes before each run of a script, and rests if that is due.
func (b *breath) rest() {
	if worked := time.Since(b.since); worked >= restFrom {
		time.Sleep(min(worked, 10*restFrom))
		b.since = time.Now()
	}
}

// epochMemory is how long a user's raised epoch is kept in Redis. It has to
// outlast any log-in that had read the epoch before; SQL keeps it for ever.
const epochMemory = 24 * time.Hour

// countMemory is how long the count of an end of everyone is kept after its
// latest step. It has to outlast what may lie between two of them.
const countMemory = 10 * time.Minute

// End implements session.Store.
func (s *Store) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (ended int, err error) {
	var errs []error
	breath := breath{time.Now()}
	for _, one := range s.each() { // what can be done is done, although one server may be away
		n, err := one.end(ctx, &breath, one.own(ids), why, now)
		ended += n
		errs = append(errs, err)
	}
	return ended, errors.Join(errs...)
}

// end is End in one shard.
func (s *Store) end(ctx context.Context, breath *breath, ids []session.ID, why session.Why, now time.Time) (ended int, err error) {
	for len(ids) > 0 {
		batch := ids[:min(len(ids), endBatch)]
		ids = ids[len(batch):]
		breath.rest()
		n, successors, err := s.endBatch(ctx, batch, why, now)
		if err != nil {
			return ended, err
		}
		ended += n
		// A renewed session goes by another id now; it may be renewed again
		// before we get there, so follow until there is nothing left to follow.
		ids = append(successors, ids...)
	}
	return ended, nil
}

func (s *Store) endBatch(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (ended int, successors []session.ID, err error) {
	args := []any{string(why.Reason), now.UnixMilli(), s.longest.Milliseconds()}
	args = packIDs(args, ids)
	err = s.client.do(ctx, func(c boundConn) error {
		reply, err := redis.Values(c.eval(endScript, args...))
		if err != nil {
			return err
		}
		if ended, err = redis.Int(reply[0], nil); err != nil {
			return err
		}
		next, err := redis.Strings(reply[1:], nil)
		successors = unpackIDs(next)
		return err
	})
	return ended, successors, err
}

// EndUser implements session.Store. First the epoch, from which on no older
// session can join the index; then whatever the index holds.
func (s *Store) EndUser(ctx context.Context, u user.ID, epoch user.Epoch, keep session.ID, why session.Why, now time.Time) (ended int, err error) {
	s = s.home(session.ShardOf(u))
	ids, err := s.raise(ctx, packUser(u), epoch.User)
	if err != nil {
		return 0, err
	}
	if err := s.bringUp(ctx, keep, epoch); err != nil {
		return 0, err
	}
	for batch := range slices.Chunk(ids, endBatch) {
		n, err := s.endOlder(ctx, batch, epoch, keep, "", why, now)
		ended += n
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// bringUp sees to it that the session keep has lived through all raises of its
// user's epoch before this one. If one was recorded and not carried out, only the
// ledger knows whether it ended keep (then it stays ended) or kept it too, as when
// "end all others" is asked for twice because the first answer was an error.
func (s *Store) bringUp(ctx context.Context, keep session.ID, epoch user.Epoch) error {
	g := s.client.behind()
	if keep == "" || g == nil {
		return nil
	}
	for range 2 { // the run that we join may have begun before that raise
		kept, err := s.Find(ctx, keep)
		if errors.Is(err, session.ErrUnavailable) {
			return err
		}
		if err != nil || kept.Epoch.User+1 >= epoch.User {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, opTimeout)
		err = g.catchUp(limited, 0)
		cancel()
		if err != nil {
			return fmt.Errorf("%w: %w", session.ErrUnavailable, err)
		}
	}
	return nil
}

// EndAll implements session.Store. Redis itself counts, by the epoch, so that the
// count is right although a step whose answer was lost is repeated, and also if a
// gate takes part because it believes that nobody else does (ending.go).
func (s *Store) EndAll(ctx context.Context, epoch user.Epoch, why session.Why, now time.Time) (ended int, err error) {
	return endEveryone(ctx, s.each(), s.scanIDs, epoch, why, now)
}

// endEveryone is EndAll for the shards in all. scan passes all their sessions on.
func endEveryone(ctx context.Context, all []*Store, scan func(context.Context, func([]session.ID) error) error, epoch user.Epoch, why session.Why, now time.Time) (ended int, err error) {
	defer noteEnding(ctx, all)()
	err = together(all, func(s *Store) error {
		raise := func() error { _, err := s.raise(ctx, "", epoch.All); return err }
		if len(all) == 1 {
			return raise()
		}
		return patiently(ctx, raise)
	})
	if err != nil {
		return 0, err
	}
	counted, breath := make([]int, len(all)), breath{time.Now()}
	err = scan(ctx, func(ids []session.ID) error {
		for i, s := range all {
			for batch := range slices.Chunk(s.own(ids), endBatch) {
				breath.rest()
				err := patiently(ctx, func() error {
					n, err := s.endOlder(ctx, batch, user.Epoch{All: epoch.All}, "", s.keys.count(epoch.All), why, now)
					counted[i] = max(counted[i], n)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, n := range counted {
		ended += n
	}
	return ended, err
}

// togetherAtMost is how many shards of a cluster one operation is busy with at once.
const togetherAtMost = 16

// together calls f for each of all, some at a time.
func together(all []*Store, f func(*Store) error) error {
	if len(all) == 1 {
		return f(all[0])
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	permits := make(chan struct{}, togetherAtMost)
	for i, s := range all {
		permits <- struct{}{}
		wg.Go(func() {
			defer func() { <-permits }()
			errs[i] = f(s)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// own returns those of ids that are of the shard of s.
func (s *Store) own(ids []session.ID) []session.ID {
	if s.keys == "" {
		return ids
	}
	var own []session.ID
	for _, id := range ids {
		if id.Shard() == s.shard {
			own = append(own, id)
		}
	}
	return own
}

// How often, and after which pause, one of the very many steps of reading or
// ending everybody's sessions is tried again: a single late answer should not
// make the whole begin anew.
const (
	tries    = 5
	tryPause = 100 * time.Millisecond
)

// patiently calls f, which has to be harmless to repeat, until the server has
// answered or it has been tried often enough.
func patiently(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if try == tries || !errors.Is(err, session.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tryPause):
		}
	}
}

func (s *Store) raise(ctx context.Context, u string, epoch uint32) (ids []session.ID, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		names, err := redis.Strings(c.eval(raiseScript, u, epoch, epochMemory.Milliseconds()))
		ids = unpackIDs(names)
		return err
	})
	return ids, err
}

// endOlder ends those of ids, at most endBatch, that were begun before epoch, and
// returns how many were alive; with a count, how many that has counted so far.
func (s *Store) endOlder(ctx context.Context, ids []session.ID, epoch user.Epoch, keep session.ID, count string, why session.Why, now time.Time) (ended int, err error) {
	args := []any{epoch.All, epoch.User, packID(keep), string(why.Reason), now.UnixMilli(), s.longest.Milliseconds(), count, countMemory.Milliseconds()}
	args = packIDs(args, ids)
	err = s.client.do(ctx, func(c boundConn) (err error) {
		ended, err = redis.Int(c.eval(olderScript, args...))
		return err
	})
	return ended, err
}
