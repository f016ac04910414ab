package redisdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"gatehouse/internal/session"
)

// route is the way to one shard of a cluster, wherever it is at the moment.
type route struct {
	cluster *cluster
	shard   session.Shard
}

// errMoving: the slot is being moved, and nothing can be done to the shard before
// that is over.
var errMoving = errors.New("redisdb: the slot is being moved to another master")

// movePause is how long the next try waits where a slot is being moved or its
// master replaced. Both take longer.
const movePause = 10 * time.Millisecond

// isMoving reports whether err says that a shard is elsewhere, or on its way, or
// that the cluster does not serve it at the moment.
func isMoving(err error) bool {
	var said redis.Error
	if errors.Is(err, errMoving) || !errors.As(err, &said) {
		return errors.Is(err, errMoving)
	}
	return redisc.ParseRedir(said) != nil || redisc.IsTryAgain(said) || strings.HasPrefix(string(said), "CLUSTERDOWN ")
}

// along calls ask with the master that has the shard, and with others as that one
// says, until ask has an answer or the deadline has come. A master that does not
// answer is asked again only if another has come into its place.
func (r route) along(ctx context.Context, deadline time.Time, ask func(s *server, asking bool) error) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for hops := 0; ; hops++ {
		version := r.version()
		s, err := r.cluster.owner(ctx, r.shard)
		if err != nil {
			return unavailable(err)
		}
		err = ask(s, false)
		var said redis.Error
		errors.As(err, &said)
		to := redisc.ParseRedir(said)
		if to != nil && to.NewSlot != slotOfShard[r.shard] {
			return err // asked about a key of another shard: that says nothing about this one
		}
		if to != nil && to.Type == "ASK" {
			if err = ask(r.at(to.Addr, s), true); err == nil {
				return nil
			}
			to, said = nil, redis.Error("")
			if !errors.As(err, &said) {
				return err
			}
			err = unavailable(errMoving) // it has been closed meanwhile, or given to a third
		}
		switch {
		case err == nil || !errors.Is(err, session.ErrUnavailable):
			return err
		case to != nil:
			r.cluster.moved(r.shard, s.addr, r.at(to.Addr, s).addr)
			go r.cluster.refresh(ctx, time.Now().Add(-clusterMemory))
			if r.version() != version && hops < 2 {
				continue
			}
		case isMoving(err) || errors.Is(err, errBehind):
		case time.Until(deadline) < clusterTimeout:
			go r.cluster.refresh(ctx, time.Now().Add(-clusterMemory))
			return err
		default: // it is away
			_ = r.cluster.refresh(ctx, time.Now().Add(-clusterMemory))
			if r.version() == version {
				return err
			}
			continue
		}
		if time.Until(deadline) < 2*movePause {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(movePause):
		}
		if isMoving(err) {
			_ = r.cluster.refresh(ctx, time.Now().Add(-clusterMemory))
		}
	}
}

// at returns the server that by has sent us to.
func (r route) at(addr string, by *server) *server {
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "" { // its own
		host, _, _ = net.SplitHostPort(by.addr)
		addr = net.JoinHostPort(host, port)
	}
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	return r.cluster.server(addr)
}

func unavailable(err error) error {
	if errors.Is(err, session.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: redis: %w", session.ErrUnavailable, err)
}

// do implements asker. Scripts run where the whole shard is, other commands also
// where its master sends them for their key.
func (r route) do(ctx context.Context, f func(boundConn) error) error {
	return r.doOn(ctx, f, func(s *server) *client { return s.client })
}

// doRaw is do past the gates.
func (r route) doRaw(ctx context.Context, f func(boundConn) error) error {
	return r.doOn(ctx, f, func(s *server) *client { return s.raw })
}

func (r route) doOn(ctx context.Context, f func(boundConn) error, of func(*server) *client) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline := time.Now().Add(opTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	err := r.along(ctx, deadline, func(s *server, asking bool) error {
		about := setOf(r.shard)
		if asking {
			about = 0 // the shard has proved itself where we come from
		}
		return of(s).doBy(ctx, deadline, about, func(c boundConn) error {
			c.tag, c.asking = tags[r.shard], asking
			return f(c)
		})
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // the caller's own
	}
	return err
}

// ask implements asker. It asks for the tombstone together with the record.
func (r route) ask(ctx context.Context, k keys, id string) (*question, error) {
	deadline := time.Now().Add(opTimeout)
	put := func(s *server) (*question, error) {
		q := newQuestion(deadline)
		q.get2(k, id)
		return s.client.put(ctx, q, setOf(r.shard))
	}
	if q, done, err := r.putStraight(put); done {
		return q, err
	}
	return r.putAlong(ctx, deadline, put, func(bounded context.Context) (*question, error) {
		return r.askMoving(bounded, k, id)
	})
}

// look implements asker. While the slot is being moved it waits, as every script
// does.
func (r route) look(ctx context.Context, k keys, s *redis.Script, args ...any) (*question, error) {
	deadline := time.Now().Add(opTimeout)
	all := scriptArgs(k, s, args)
	put := func(s *server) (*question, error) {
		return s.client.lookBy(ctx, deadline, setOf(r.shard), all)
	}
	if q, done, err := r.putStraight(put); done {
		return q, err
	}
	return r.putAlong(ctx, deadline, put, func(context.Context) (*question, error) {
		return nil, unavailable(errMoving)
	})
}

// putStraight puts a question to who is known to have the shard; not done if there
// is nobody or that did not do. As a rule nothing is in the way.
func (r route) putStraight(put func(*server) (*question, error)) (q *question, done bool, err error) {
	s := r.cluster.at[r.shard].Load()
	if s == nil {
		return nil, false, nil
	}
	q, err = put(s)
	return q, err == nil || !errors.Is(err, session.ErrUnavailable), err
}

// putAlong puts a question to who turns out to have the shard. Where a slot is being
// moved the answer is that of moving.
func (r route) putAlong(ctx context.Context, deadline time.Time, put func(*server) (*question, error), moving func(context.Context) (*question, error)) (*question, error) {
	bounded, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var q *question
	err := r.along(ctx, deadline, func(s *server, asking bool) (err error) {
		if asking {
			return unavailable(errMoving)
		}
		q, err = put(s)
		if isMoving(err) && !isMovedAway(err) {
			if q, err = moving(bounded); errors.Is(err, context.DeadlineExceeded) {
				err = unavailable(err)
			}
		}
		return err
	})
	return q, err
}

// isMovedAway reports whether err says that the shard has another master.
func isMovedAway(err error) bool {
	var said redis.Error
	errors.As(err, &said)
	to := redisc.ParseRedir(said)
	return to != nil && to.Type == "MOVED"
}

// askMoving is ask where both keys may not be on the same master. The record comes
// first: once its tombstone is written it does not matter any more.
func (r route) askMoving(ctx context.Context, k keys, id string) (*question, error) {
	q := newQuestion(time.Time{})
	for _, key := range []string{k.sessions() + id, k.tombstones() + id} {
		var value []byte
		err := r.do(ctx, func(c boundConn) (err error) {
			value, err = redis.Bytes(c.Do("GET", key))
			if errors.Is(err, redis.ErrNil) {
				value, err = nil, nil
			}
			return err
		})
		switch {
		case err != nil && strings.Contains(err.Error(), "WRONGTYPE "):
			q.free()
			return nil, session.ErrUnreadable
		case err != nil:
			q.free()
			return nil, err
		case key[0] == 'x':
			q.found = q.found && value == nil
		default:
			q.found, q.record = value != nil, append(q.record, value...)
		}
	}
	return q, nil
}

// version implements asker.
func (r route) version() uint64 { return r.cluster.versions[r.shard].Load() }

// behind implements asker.
func (r route) behind() *gate {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	if s := r.cluster.servers[r.cluster.owners[r.shard].addr]; s != nil {
		return s.client.gate
	}
	return nil
}

// dial implements dialer, for who needs any server at all.
func (r route) dial(ctx context.Context) (redis.Conn, error) { return r.cluster.dial(ctx) }

func (route) onChange(func()) {}

// confirm implements dialer.
func (r route) confirm(ctx context.Context) error { return r.cluster.confirm(ctx, r.shard) }
