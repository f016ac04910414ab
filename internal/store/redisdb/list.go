package redisdb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// scanCount is how many keys one SCAN looks at: a tenth of a millisecond of the
// server's time, during which checks wait.
const scanCount = 250

// readCount is the same where the records that are found are then read at once: half
// as many as keys where everybody has one session, and with it an index. That takes
// at most a tenth of a millisecond of the server's time again, and a quarter of one of
// ours, after which a reader may rest. In a cluster, where what is found is read shard
// by shard, it is scanCount.
const readCount = 100

// Scan implements session.Store.
func (s *Store) Scan(ctx context.Context, now time.Time, fn func(session.Session) error) error {
	// SCAN may return a key more than once. 16 of the 43 characters, which are
	// of a SHA-256, tell sessions apart as well as all, and of a million of them
	// take 30 MB that the garbage collector need not walk through.
	seen := map[[16]byte]struct{}{}
	var found []session.Session // of a portion; the next has its place
	count := readCount
	if s.cluster != nil {
		count = scanCount
	}
	err := s.scanSome(ctx, count, func(ids []session.ID) error {
		found = found[:0]
		var away awayError
		for _, one := range s.each() {
			own := one.own(ids)
			if len(own) == 0 {
				continue
			}
			var err error
			found, _, err = one.read(ctx, found, own, now)
			switch {
			case isUnavailable(err):
				away = awayError{away.shards | one.bit(), err}
			case err != nil:
				return err
			}
		}
		for _, f := range found {
			var key [16]byte
			copy(key[:], f.ID)
			if _, twice := seen[key]; twice {
				continue
			}
			seen[key] = struct{}{}
			if err := fn(f); err != nil {
				return stopError{err}
			}
		}
		if away.shards != 0 {
			return away
		}
		return nil
	})
	if stop, ok := errors.AsType[stopError](err); ok {
		return stop.why
	}
	return err
}

// stopError is from who is told of sessions and wants no more. Whatever the reason
// is, a store that is away included, it is none to read the same again.
type stopError struct{ why error }

func (e stopError) Error() string { return e.why.Error() }

// scanIDs calls fn with the ids of all sessions, in portions; some may come
// twice. Every session there from the beginning to the end is among them. A store
// of one shard in a cluster passes on all that are on its server.
func (s *Store) scanIDs(ctx context.Context, fn func([]session.ID) error) error {
	return s.scanSome(ctx, scanCount, fn)
}

// scanSome is scanIDs in portions of about count, never empty ones.
func (s *Store) scanSome(ctx context.Context, count int, fn func([]session.ID) error) error {
	kind := keys("").sessions()
	return s.scanSteps(ctx, kind+"*", count, func(found []string) error {
		if len(found) == 0 {
			return nil
		}
		ids := make([]session.ID, 0, len(found))
		for _, key := range found {
			id := strings.TrimPrefix(key, kind)
			if s.cluster != nil || s.keys != "" {
				_, id, _ = untag(id)
			}
			ids = append(ids, unpackID(id))
		}
		return fn(ids)
	})
}

// scanKeys calls fn with the keys that pattern matches, never with none.
func (s *Store) scanKeys(ctx context.Context, pattern string, fn func([]string) error) error {
	return s.scanSteps(ctx, pattern, scanCount, func(keys []string) error {
		if len(keys) == 0 {
			return nil
		}
		return fn(keys)
	})
}

// scanSteps calls fn after each step, which looks at about count keys, with those
// that pattern matches.
func (s *Store) scanSteps(ctx context.Context, pattern string, count int, fn func([]string) error) error {
	if s.cluster != nil {
		return s.cluster.scan(ctx, pattern, count, fn)
	}
	return scanServer(ctx, s.client.do, pattern, count, fn)
}

// scanServer is scanSteps on the server that do leads to.
func scanServer(ctx context.Context, do func(context.Context, func(boundConn) error) error, pattern string, count int, fn func([]string) error) error {
	for cursor := "0"; ; {
		var keys []string
		step := func() error {
			return do(ctx, func(c boundConn) error {
				reply, err := redis.Values(c.Do("SCAN", cursor, "MATCH", pattern, "COUNT", count))
				if err != nil {
					return err
				}
				var next string
				keys = nil
				if _, err := redis.Scan(reply, &next, &keys); err != nil {
					return err
				}
				cursor = next
				return nil
			})
		}
		err := step()
		if cursor != "0" && err != nil { // it has answered before
			err = patiently(ctx, step)
		}
		if err != nil {
			return err
		}
		if err := fn(keys); err != nil {
			return err
		}
		if cursor == "0" {
			return nil
		}
	}
}

// read appends the live sessions among ids to some, and returns the ids without a
// record. Unreadable records are passed over (I12). If there is an error some is as
// it was.
func (s *Store) read(ctx context.Context, some []session.Session, ids []session.ID, now time.Time) (found []session.Session, gone []session.ID, err error) {
	keys := make([]any, len(ids), 2*len(ids))
	for i, id := range ids {
		keys[i] = s.keys.session(id)
	}
	if s.keys != "" { // a record beside its tombstone has been kept through a move (cluster.go)
		for _, id := range ids {
			keys = append(keys, s.keys.tombstone(id))
		}
	}
	var records [][]byte
	err = s.client.do(ctx, func(c boundConn) (err error) {
		records, err = redis.ByteSlices(c.Do("MGET", keys...))
		return err
	})
	if err != nil {
		return some, nil, err
	}
	found = slices.Grow(some, len(ids))
	for i, b := range records[:len(ids)] {
		if b == nil || len(records) > len(ids) && records[len(ids)+i] != nil {
			gone = append(gone, ids[i])
			continue
		}
		one, err := decodeRecord(ids[i], b)
		if err == nil && !one.ExpiredAt(now) {
			found = append(found, one)
		}
	}
	return found, gone, nil
}
