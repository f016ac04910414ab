package redisdb

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"
)

// OpenLosing is Open, but where lose returns an error for a command, the server
// carries it out and its answer is lost to that error.
func OpenLosing(url string, longest time.Duration, lose func(step string) error) *Store {
	return onServer(losingDialer{dialerFor(url), lose}, longest)
}

type losingDialer struct {
	dialer
	lose func(string) error
}

func (d losingDialer) dial(ctx context.Context) (redis.Conn, error) {
	conn, err := d.dialer.dial(ctx)
	if err != nil {
		return nil, err
	}
	return losingConn{conn, d.lose}, nil
}

type losingConn struct {
	redis.Conn
	lose func(string) error
}

// DoWithTimeout implements redis.ConnWithTimeout.
func (c losingConn) DoWithTimeout(d time.Duration, cmd string, args ...any) (any, error) {
	reply, err := redis.DoWithTimeout(c.Conn, d, cmd, args...)
	if err != nil {
		return reply, err
	}
	if lost := c.lose(stepOf(cmd, args)); lost != nil {
		c.Close()
		return nil, lost
	}
	return reply, nil
}

// ReceiveWithTimeout implements redis.ConnWithTimeout.
func (c losingConn) ReceiveWithTimeout(d time.Duration) (any, error) {
	return redis.ReceiveWithTimeout(c.Conn, d)
}
