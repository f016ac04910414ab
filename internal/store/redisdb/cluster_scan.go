package redisdb

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"gatehouse/internal/session"
)

const (
	// scanPasses bounds how often the servers of a cluster are gone through because
	// slots were moved under it.
	scanPasses = 50
	// scanPause is between two of them.
	scanPause = 50 * time.Millisecond
)

// awayError is from who reads what a scan has found: the sessions of some shards
// cannot be had, those of the others have been.
type awayError struct {
	shards shardSet
	error
}

// Unwrap returns the reason.
func (e awayError) Unwrap() error { return e.error }

// scan calls fn after each step, which looks at about count keys, with the keys that
// pattern matches on all masters, of every shard; some may come twice. A shard that
// is moved while its keys are read may be read in part here and in part nowhere. So
// what was read of it counts only if it has been on the same master from before to
// after, which that one's name tells (serverOf); the others are read again.
func (c *cluster) scan(ctx context.Context, pattern string, count int, fn func([]string) error) error {
	left := everyShard
	why := errMoving // why some are left
	for pass := range scanPasses {
		if pass > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(scanPause):
			}
			_ = c.refresh(ctx, time.Now())
		}
		all, err := c.all(ctx)
		if err != nil {
			why = err
			continue
		}
		for _, s := range all {
			done, err := s.scan(ctx, pattern, count, left, fn)
			switch {
			case err != nil && !isUnavailable(err):
				return err
			case err != nil:
				why = err
			}
			left &^= done
		}
		if left == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: redis: the sessions of %d in %d users cannot be read: %w", session.ErrUnavailable,
		bits.OnesCount64(uint64(left)), session.Shards, why)
}

// scan calls fn with the keys of those of left that are on s, and returns which of
// them were there all the time, and why others were not, if that is known. A shard
// that fn finds away does not keep the others from being read.
func (s *server) scan(ctx context.Context, pattern string, count int, left shardSet, fn func([]string) error) (done shardSet, err error) {
	name, here, err := s.standing(ctx, left)
	if err != nil || here == 0 {
		return 0, err
	}
	var away awayError
	kind := len(pattern) - len("*")
	err = scanServer(ctx, s.client.do, pattern, count, func(keys []string) error {
		var some []string
		for _, key := range keys {
			if shard, _, ok := untag(key[kind:]); ok && here.has(setOf(shard)) {
				some = append(some, key)
			}
		}
		err := fn(some)
		if errors.As(err, &away) && here&^away.shards != 0 {
			here &^= away.shards
			return nil
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	after, still, err := s.standing(ctx, here)
	if err != nil || after != name {
		return 0, err
	}
	return still, away.error
}

// standing returns the name of the server, and which of the shards are there.
func (s *server) standing(ctx context.Context, of shardSet) (name string, here shardSet, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		server, found, err := standingOf(c, of)
		name, here = server, 0
		for shard := range found {
			here |= setOf(shard)
		}
		return err
	})
	return name, here, err
}
