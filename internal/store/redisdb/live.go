package redisdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// How many sessions there are, Redis does not know: DBSIZE also counts indexes,
// tombstones and whatever else the layout needs, and what expires is told to
// nobody, so neither can it be added up from starts and ends. It takes a walk over
// all keys. So that this costs next to nothing the walk rests after each step, and
// the nodes share one: whose turn it is writes down what it has counted.

const (
	// countStep is how many keys a step looks at, which keeps Redis, and with it
	// whoever is checked at that moment, for a tenth of a millisecond.
	countStep = 100
	// countPause is the rest after each step: a count takes some hundredths of
	// Redis' time while it is under way.
	countPause = 5 * time.Millisecond
	// countTurn is how long a turn lasts if whoever has it is heard of no more.
	countTurn = 15 * time.Second
	// countKept is how long a count is kept for nodes that start.
	countKept = 24 * time.Hour
)

// Count returns about how many sessions live and when that was counted, by this
// node or another. If that is longer ago than fresh it counts, which takes its
// time, unless another node is at it; then it returns what there is, the zero time
// if there is nothing yet.
//
// In a cluster the first shard keeps the count. A shard that is moved meanwhile may
// be counted twice.
func (s *Store) Count(ctx context.Context, fresh time.Duration) (sessions int, at time.Time, err error) {
	keeper := s.home(0)
	sessions, at, err = keeper.counted(ctx)
	if err != nil || time.Since(at) < fresh {
		return sessions, at, err
	}
	me := rand.Text()
	mine, err := keeper.takeTurn(ctx, me, "NX")
	if err != nil || !mine {
		return sessions, at, err
	}
	sessions, renewed := 0, time.Now()
	err = s.scanSteps(ctx, s.keys.sessions()+"*", countStep, func(keys []string) error {
		sessions += len(keys)
		if time.Since(renewed) > countTurn/3 {
			renewed = time.Now()
			if _, err := keeper.takeTurn(ctx, me, "XX"); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(countPause):
			return nil
		}
	})
	if err != nil {
		return 0, time.Time{}, err // the turn lapses
	}
	at = time.Now()
	err = keeper.client.do(ctx, func(c boundConn) error {
		if _, err := c.Do("SET", keeper.keys.live(), fmt.Sprint(sessions, " ", at.UnixMilli()), "PX", countKept.Milliseconds()); err != nil {
			return err
		}
		_, err := c.Do("DEL", keeper.keys.liveTurn())
		return err
	})
	return sessions, at, err
}

// counted returns the latest count.
func (s *Store) counted(ctx context.Context) (sessions int, at time.Time, err error) {
	var text string
	err = s.client.do(ctx, func(c boundConn) (err error) {
		text, err = redis.String(c.Do("GET", s.keys.live()))
		if errors.Is(err, redis.ErrNil) {
			return nil
		}
		return err
	})
	var ms int64
	if n, _ := fmt.Sscan(text, &sessions, &ms); err != nil || n != 2 {
		return 0, time.Time{}, err // none
	}
	return sessions, time.UnixMilli(ms), nil
}

// takeTurn takes or keeps the turn to count, on condition NX or XX, and reports
// whether that went.
func (s *Store) takeTurn(ctx context.Context, who, condition string) (taken bool, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		_, err := redis.String(c.Do("SET", s.keys.liveTurn(), who, condition, "PX", countTurn.Milliseconds()))
		taken = err == nil
		if errors.Is(err, redis.ErrNil) {
			return nil
		}
		return err
	})
	return taken, err
}
