package redisdb

import (
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

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
	}, "s:")
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
