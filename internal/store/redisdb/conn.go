package redisdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// How long Redis may take. An operation answers within opTimeout whatever
// happens: waiting for a connection, dialling and both directions together, so
// that a page whose session cannot be checked says so in under half a second.
const (
	opTimeout   = 300 * time.Millisecond
	maxActive   = 64 // connections per node; more requests wait for one
	maxIdle     = 16 // kept open for long for the next operation
	idleTimeout = 4 * time.Minute
	// spareTimeout is how long those beyond maxIdle are kept: a crowd that comes and
	// goes by the millisecond is not to open and close a connection each time.
	spareTimeout = 10 * time.Second
)

// asker is what a store asks: the one server that keeps all, or in a cluster
// whichever has its shard at the moment (route.go).
type asker interface {
	// do lends f a connection; f has to be harmless to repeat. Errors other than
	// the caller's own cancellation wrap session.ErrUnavailable.
	do(ctx context.Context, f func(boundConn) error) error
	// ask finds a record, named by its packed id. The caller frees the question.
	// Errors as of do, and session.ErrUnreadable if it is no record; errNoWire if
	// it has to be asked through do.
	ask(ctx context.Context, k keys, id string) (*question, error)
	// look runs a script that only reads, on the connection that checks share. The
	// caller frees the question, whose reply is the answer. Errors as of ask, and
	// NOSCRIPT if the server has not seen the script yet.
	look(ctx context.Context, k keys, s *redis.Script, args ...any) (*question, error)
	// version grows when another server comes to be asked.
	version() uint64
	// behind is the gate in front of that server; nil if there is none.
	behind() *gate
}

// client is the connections to one Redis server: a bounded, waiting pool of those
// that one operation has at a time, and one for the GET of all checks and for the
// lists.
type client struct {
	pool  *pool
	pipes pipes
	// generation grows when a connection turns out to be broken. Connections
	// opened before are then not used again: a restarted server costs one
	// failed command, not one per pooled connection.
	generation atomic.Uint64
	// gate, if there is one, lets connections be used.
	gate *gate
}

// generationConn remembers when, counted in breaks, it was opened, to which
// server, and when the gate last let it pass.
type generationConn struct {
	redis.Conn
	generation uint64
	server     string
	proven     time.Time
	proved     shardSet  // what of it came through then
	used       time.Time // when it was put back into the pool
	finder     *finder   // made when first needed
}

// DoWithTimeout passes redigo's optional interface through the wrapper.
func (c *generationConn) DoWithTimeout(d time.Duration, cmd string, args ...any) (any, error) {
	return redis.DoWithTimeout(c.Conn, d, cmd, args...)
}

// ReceiveWithTimeout passes redigo's optional interface through the wrapper.
func (c *generationConn) ReceiveWithTimeout(d time.Duration) (any, error) {
	return redis.ReceiveWithTimeout(c.Conn, d)
}

var errStale = errors.New("opened before the last break")

func newClient(d dialer) *client {
	c := &client{}
	d.onChange(func() { c.generation.Add(1) })
	c.pool = &pool{
		lent: make(chan struct{}, maxActive),
		dial: func(ctx context.Context) (*generationConn, error) {
			generation := c.generation.Load()
			conn, err := d.dial(ctx)
			if err != nil {
				return nil, c.gate.noteOld(err)
			}
			return c.admit(ctx, &generationConn{Conn: conn, generation: generation})
		},
		mayUse: c.mayUse,
	}
	return c
}

func (c *client) version() uint64 { return c.generation.Load() }

func (c *client) behind() *gate { return c.gate }

// admit lets a new connection into the pool if its server is up to date.
func (c *client) admit(ctx context.Context, conn *generationConn) (*generationConn, error) {
	if c.gate == nil {
		return conn, nil
	}
	server, err := serverOf(boundTo(ctx, conn))
	if err == nil {
		// Before anything is asked about the new server: from here on no end
		// can be carried out on the one before and be noted on this one.
		if c.gate.meet(server) {
			c.generation.Add(1)
			conn.generation = c.generation.Load()
		}
		conn.server, conn.proven = server, time.Now()
		err = c.gate.turnAway(c.gate.prove(ctx, conn))
	}
	if err != nil {
		conn.Close()
		if wire := wireOf(conn.Conn); wire != nil {
			err = oldAt(wire.RemoteAddr().String(), err)
		}
		return nil, c.gate.noteOld(err)
	}
	return conn, nil
}

// mayUse says whether a pooled connection may be used once more: not after a
// break, and not for long without asking its server how far it is.
func (c *client) mayUse(ctx context.Context, conn *generationConn, deadline time.Time) error {
	if conn.generation != c.generation.Load() {
		return errStale
	}
	if c.gate == nil {
		return nil
	}
	if _, err := c.gate.known(); err != nil {
		return c.gate.turnAway(err)
	}
	now := time.Now()
	if now.Sub(conn.proven) < c.gate.lasts(conn.proven.Sub(started), conn.proved) {
		return nil
	}
	if !now.Before(deadline) {
		return nil // nobody will ask anything through it any more (boundConn), so keep it
	}
	if err := c.proveAgain(ctx, conn, deadline); err != nil {
		return err
	}
	conn.proven = now
	return nil
}

// proveAgain has the server of a connection that has been in use say once more
// who it is and how far.
func (c *client) proveAgain(ctx context.Context, conn *generationConn, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if server, err := serverOf(boundConn{Conn: conn, deadline: deadline}); err != nil {
		return err
	} else if server != conn.server {
		return errStale // it has been a replica meanwhile
	}
	return c.gate.turnAway(c.gate.prove(ctx, conn))
}

// boundConn is a pooled connection lent for one operation, every command of
// which has to be answered by the operation's deadline.
type boundConn struct {
	redis.Conn
	deadline time.Time
	// tag is that of the shard which the operation is about, in a cluster.
	tag keys
	// asking: the server is importing the shard, and its owner has sent us.
	asking bool
}

// boundTo bounds what is asked about a connection before it is lent: a pool of
// them, all to a server that has frozen, is tried one after the other.
func boundTo(ctx context.Context, conn redis.Conn) redis.Conn {
	if d, ok := ctx.Deadline(); ok {
		return boundConn{Conn: conn, deadline: d}
	}
	return conn
}

// Do sends a command and waits for the reply until the deadline.
func (c boundConn) Do(cmd string, args ...any) (any, error) {
	left := time.Until(c.deadline)
	if left <= 0 {
		return nil, context.DeadlineExceeded
	}
	if c.asking {
		if _, err := redis.DoWithTimeout(c.Conn, left, "ASKING"); err != nil {
			return nil, err
		}
	}
	return redis.DoWithTimeout(c.Conn, left, cmd, args...)
}

// find returns the record of a session, as it is in Redis, and whether there is
// one.
func (c boundConn) find(id session.ID) ([]byte, bool, error) {
	lent := c.Conn.(*generationConn) // as lent by the pool
	if lent.finder == nil {
		lent.finder = newFinder(lent)
	}
	return lent.finder.find(id, c.deadline)
}

// eval runs a script by its hash, and by its text where the server has not
// seen it yet.
func (c boundConn) eval(s *redis.Script, args ...any) (any, error) {
	return c.run(evalCommand, s, args)
}

// look is eval for a script that only reads.
func (c boundConn) look(s *redis.Script, args ...any) (any, error) {
	return c.run(lookCommand, s, args)
}

// lookCommand runs a script that only reads: Redis sees to that, and does not keep
// it waiting with the writers when a master is about to be replaced.
const (
	evalCommand = "EVALSHA"
	lookCommand = "EVALSHA_RO"
)

func (c boundConn) run(command string, s *redis.Script, args []any) (any, error) {
	all := scriptArgs(c.tag, s, args)
	reply, err := c.Do(command, all...)
	if isNoScript(err) {
		if _, err = c.Do("SCRIPT", "LOAD", scriptText[s]); err != nil {
			return nil, err
		}
		reply, err = c.Do(command, all...)
	}
	if err != nil && strings.HasPrefix(err.Error(), "ASK ") {
		err = errMoving // nobody runs a script on a part of its keys
	}
	return reply, err
}

// scriptArgs returns what a script is run with, by its hash.
func scriptArgs(tag keys, s *redis.Script, args []any) []any {
	all := make([]any, 0, len(args)+3)
	if tag == "" {
		all = append(all, s.Hash(), 0)
	} else {
		all = append(all, s.Hash(), 1, string(tag)) // which never exists (cluster.go)
	}
	return append(all, args...)
}

// isNoScript reports whether err says that the server has not seen the script.
func isNoScript(err error) bool {
	var said redis.Error
	return errors.As(err, &said) && strings.HasPrefix(string(said), "NOSCRIPT ")
}

// do lends f a connection. If the connection turns out to be broken f is called
// once more with a new one, so f has to be harmless to repeat. Errors other
// than the caller's own cancellation wrap session.ErrUnavailable.
func (c *client) do(ctx context.Context, f func(boundConn) error) error {
	return c.doBy(ctx, time.Now().Add(opTimeout), 0, f)
}

// doBy is do with a deadline, and about shards that have to have proved themselves.
func (c *client) doBy(ctx context.Context, deadline time.Time, about shardSet, f func(boundConn) error) error {
	for attempt := 0; ; attempt++ {
		err := c.once(ctx, deadline, about, f)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case attempt == 0 && lostConnection(err):
			c.generation.Add(1)
			continue
		case isOurs(err):
			return err
		}
		return fmt.Errorf("%w: redis: %w", session.ErrUnavailable, err)
	}
}

func (c *client) once(ctx context.Context, deadline time.Time, about shardSet, f func(boundConn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := c.pool.get(ctx, deadline)
	if err != nil {
		return err
	}
	defer c.pool.put(conn)
	if c.gate != nil && !conn.proved.has(about) {
		return errBehind
	}
	return f(boundConn{Conn: conn, deadline: deadline})
}

// lostConnection reports whether err says that the connection, not the server,
// is gone, or that it leads to what is a replica by now: worth another try at
// once. A refused dial or a timeout is not.
func lostConnection(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || strings.HasPrefix(err.Error(), "READONLY ")
}

// isOurs reports whether err is an answer about a session rather than trouble
// with the server.
func isOurs(err error) bool {
	var ended *session.EndedError
	return errors.As(err, &ended) || errors.Is(err, session.ErrUnreadable) ||
		errors.Is(err, session.ErrEpoch) || errors.Is(err, session.ErrExists) || errors.Is(err, session.ErrLimit)
}
