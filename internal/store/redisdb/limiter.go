package redisdb

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Limiter is a limit.Limiter that every node on the same Redis shares: one
// script, one round trip per try.
type Limiter struct {
	store *Store
	now   func() time.Time
}

var _ limit.Limiter = (*Limiter)(nil)

// Limiter returns a limiter on the store's server, with now as its clock.
func (s *Store) Limiter(now func() time.Time) *Limiter {
	return &Limiter{store: s, now: now}
}

// Take implements limit.Limiter. A try whose answer was lost and that is asked
// again counts twice.
func (l *Limiter) Take(ctx context.Context, r limit.Rule, key string) (wait time.Duration, err error) {
	key = r.Name + ":" + key
	// Whoever tries is in a shard like anybody else; a name is as good as an id.
	err = l.store.home(session.ShardOf(user.ID(key))).client.do(ctx, func(c boundConn) error {
		ms, err := redis.Int64(c.eval(limitScript,
			key, l.now().UnixMilli(), r.Every.Milliseconds(), r.Burst))
		wait = time.Duration(ms) * time.Millisecond
		return err
	})
	return wait, err
}
