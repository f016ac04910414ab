package redisdb

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Find implements session.Store: one GET, and a second only for a session that
// is not there. The GET goes through the pipe and past redisstore, which wants a
// connection for itself and, with redigo, made five of the fifty objects that a
// check allocated. Redisstore finds where a connection is not for many.
func (s *Store) Find(ctx context.Context, id session.ID) (session.Session, error) {
	s = s.home(id.Shard())
	for range onMasterTries {
		before := s.client.version()
		found, err := s.find(ctx, id)
		if err, settled := s.settle(ctx, id, before, err); settled {
			return found, err
		}
	}
	return session.Session{}, errNoMaster
}

// find returns what the record of id says; errEnded if there is none.
func (s *Store) find(ctx context.Context, id session.ID) (session.Session, error) {
	q, err := s.client.ask(ctx, s.keys, packID(id))
	switch {
	case errors.Is(err, errNoWire):
		return s.findAlone(ctx, id)
	case err != nil:
		return session.Session{}, err
	}
	defer q.free()
	if !q.found {
		return session.Session{}, errEnded
	}
	found, err := decodeRecord(id, q.record)
	if errors.Is(err, errAnother) {
		// Somebody else's answer, or the server has it so. Which of the two is told
		// by a connection that nobody else has; this one is not asked again.
		q.distrust()
		return s.findAlone(ctx, id)
	}
	found.Data = bytes.Clone(found.Data) // the rest is a copy already
	return found, err
}

// findAlone is find on a connection from the pool.
func (s *Store) findAlone(ctx context.Context, id session.ID) (found session.Session, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		b, ok, err := s.findOn(c, id)
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE "):
			return session.ErrUnreadable
		case err != nil:
			return err
		case !ok:
			return errEnded
		}
		found, err = decodeRecord(id, b)
		return err
	})
	return found, err
}

// findOn is findAlone on a connection.
func (s *Store) findOn(c boundConn, id session.ID) (record []byte, ok bool, err error) {
	if s.keys == "" {
		return c.find(id)
	}
	both, err := redis.ByteSlices(c.Do("MGET", s.keys.session(id), s.keys.tombstone(id)))
	if err != nil {
		return nil, false, err
	}
	return both[0], both[0] != nil && both[1] == nil, nil
}

// recordPrefix, with the id behind it, is the key of a record.
const recordPrefix = "s:"

// finder is redisstore, for one connection. redisstore asks a pool of redigo's
// for a connection, without a context or a deadline. Here that pool holds one
// connection and is made once: ours, which gives up at the deadline of the
// operation that has it at the moment.
type finder struct {
	boundConn
	store *redisstore.RedisStore
}

func newFinder(c redis.Conn) *finder {
	f := &finder{boundConn: boundConn{Conn: c}}
	f.store = redisstore.NewWithPrefix(&redis.Pool{
		MaxIdle: 1,
		Dial:    func() (redis.Conn, error) { return f, nil },
	}, recordPrefix)
	return f
}

// find returns the record of a session and whether there is one.
func (f *finder) find(id session.ID, deadline time.Time) ([]byte, bool, error) {
	f.deadline = deadline
	return f.store.Find(packID(id))
}

// Do has nothing to flush when the connection goes back to the pool of one.
func (f *finder) Do(cmd string, args ...any) (any, error) {
	if cmd == "" {
		return nil, nil
	}
	return f.boundConn.Do(cmd, args...)
}

// Close does nothing: who lent the connection closes it.
func (f *finder) Close() error { return nil }
