package redisdb

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"
)

// wired is redigo's connection and what it runs on: who has it can leave redigo
// after the log-in to the server, and read and write for itself (pipe.go).
type wired struct {
	redis.Conn
	wire net.Conn
}

// DoWithTimeout implements redis.ConnWithTimeout.
func (c wired) DoWithTimeout(d time.Duration, cmd string, args ...any) (any, error) {
	return redis.DoWithTimeout(c.Conn, d, cmd, args...)
}

// ReceiveWithTimeout implements redis.ConnWithTimeout.
func (c wired) ReceiveWithTimeout(d time.Duration) (any, error) {
	return redis.ReceiveWithTimeout(c.Conn, d)
}

// wireOf returns what c runs on; nil if that is not known.
func wireOf(c redis.Conn) net.Conn {
	w, _ := c.(wired)
	return w.wire
}

// wireDialer opens what one connection of redigo's runs on, and remembers it. TLS
// is done here and not by redigo, which would keep what it makes of the wire to
// itself.
type wireDialer struct {
	secure bool
	wire   net.Conn
}

// keepAlive is redigo's.
const keepAlive = 5 * time.Minute

// dial is for redis.DialContextFunc.
func (d *wireDialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	wire, err := (&net.Dialer{KeepAlive: keepAlive}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if d.secure {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			wire.Close()
			return nil, err
		}
		secure := tls.Client(wire, &tls.Config{ServerName: host})
		if err := secure.HandshakeContext(ctx); err != nil {
			wire.Close()
			return nil, err
		}
		wire = secure
	}
	d.wire = wire
	return wire, nil
}

// wired adds the wire to what redigo has made of it.
func (d *wireDialer) wired(c redis.Conn, err error) (redis.Conn, error) {
	if err != nil {
		return nil, err
	}
	return wired{c, d.wire}, nil
}
