package redisdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// pipes is the pipe of a client: none, or the one of the moment. It is used as a
// connection of the pool is: while its generation is the client's, the gate knows
// how far the ledger is, and its server has proved itself lately. The proof is
// renewed when half of its time is over, beside the checks, so that these need not wait.
type pipes struct {
	current atomic.Pointer[pipe]
	// wireless: the connections of this client are not for pipes.
	wireless atomic.Bool

	mu      sync.Mutex
	opening *errand // nil: no pipe is being opened
	closed  bool
}

// errNoWire: redigo's connection is all there is of this connection.
var errNoWire = errors.New("redisdb: not a connection for many")

// errand is something that one does and others wait for.
type errand struct {
	done chan struct{}
	err  error
}

// wait returns what came of it, or an error at deadline.
func (e *errand) wait(deadline time.Time) error {
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case <-e.done:
		return e.err
	case <-late.C:
		return context.DeadlineExceeded
	}
}

// ask implements asker with one GET.
func (c *client) ask(ctx context.Context, k keys, id string) (*question, error) {
	q := newQuestion(time.Now().Add(opTimeout))
	q.get(k.sessions(), id)
	return c.put(ctx, q, 0)
}

// look implements asker.
func (c *client) look(ctx context.Context, k keys, s *redis.Script, args ...any) (*question, error) {
	return c.lookBy(ctx, time.Now().Add(opTimeout), 0, scriptArgs(k, s, args))
}

// lookBy is look with a deadline, about shards that have to have proved themselves.
func (c *client) lookBy(ctx context.Context, deadline time.Time, about shardSet, args []any) (*question, error) {
	q := newQuestion(deadline)
	q.command(lookCommand, args)
	return c.put(ctx, q, about)
}

// put puts q, which is about shards that have to have proved themselves. If there
// is an error q has been freed.
func (c *client) put(ctx context.Context, q *question, about shardSet) (*question, error) {
	if err := ctx.Err(); err != nil {
		q.free()
		return nil, err
	}
	now := time.Now()
	for lost := false; ; now = time.Now() {
		p, err := c.pipe(now, q.deadline)
		if err == nil && c.gate != nil && !p.proved().has(about) {
			err = errBehind
		}
		if err == nil {
			q.from = p
			if err = p.ask(q); errors.Is(err, errRetired) {
				c.pipes.drop(p)
				q.err = nil
				continue
			}
		}
		switch {
		case err == nil:
			return q, nil
		case !lost && lostConnection(err):
			lost, q.err = true, nil
			continue
		}
		q.free()
		switch {
		case errors.Is(err, errNoWire):
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case strings.HasPrefix(err.Error(), "WRONGTYPE "):
			return nil, session.ErrUnreadable
		}
		return nil, fmt.Errorf("%w: redis: %w", session.ErrUnavailable, err)
	}
}

// pipe returns one that may be used at now, which it takes until deadline at most
// to find or open.
func (c *client) pipe(now, deadline time.Time) (*pipe, error) {
	for ; ; now = time.Now() {
		if !now.Before(deadline) {
			return nil, context.DeadlineExceeded
		}
		p := c.pipes.current.Load()
		if p == nil {
			if err := c.open().wait(deadline); err != nil {
				return nil, err
			}
			continue
		}
		age := p.age(now)
		if p.generation != c.generation.Load() || age > idleTimeout {
			c.pipes.drop(p)
			continue
		}
		if c.gate == nil {
			if age > compareEvery {
				p.prove(now, everyShard)
			}
			return p, nil
		}
		if err := c.gate.knows(now); err != nil {
			return nil, c.gate.turnAway(err)
		}
		lasts := c.gate.lasts(time.Duration(p.provenAt.Load()), p.proved())
		if age < lasts/2 {
			return p, nil
		}
		renewal := c.renew(p)
		if age < lasts {
			return p, nil
		}
		if err := renewal.wait(deadline); errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		} // if the proof has failed the pipe is gone, and a new one says why
	}
}

// open opens a pipe, or joins whoever is at it.
func (c *client) open() *errand {
	s := &c.pipes
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.opening != nil:
		return s.opening
	case s.closed:
		return failed(errClosed)
	case s.wireless.Load():
		return failed(errNoWire)
	case s.current.Load() != nil:
		return failed(nil)
	}
	e := &errand{done: make(chan struct{})}
	s.opening = e
	go func() {
		p, err := c.dialPipe()
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case err == nil && s.closed:
			p.retire()
			err = errClosed
		case err == nil:
			s.current.Store(p)
		}
		s.opening, e.err = nil, err
		close(e.done)
	}()
	return e
}

// failed returns an errand that is over.
func failed(err error) *errand {
	e := &errand{done: make(chan struct{}), err: err}
	close(e.done)
	return e
}

// dialPipe opens a connection as for the pool, and makes a pipe of it.
func (c *client) dialPipe() (*pipe, error) {
	ctx, cancel := context.WithTimeout(context.Background(), opTimeout)
	defer cancel()
	began := time.Now()
	conn, err := c.pool.dial(ctx)
	if err != nil {
		return nil, err
	}
	wire := wireOf(conn.Conn)
	if wire == nil {
		conn.Close()
		c.pipes.wireless.Store(true)
		return nil, errNoWire
	}
	p, err := newPipe(wire, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	p.generation, p.server = conn.generation, conn.server
	if c.gate != nil {
		began = conn.proven
	}
	p.prove(began, conn.proved)
	p.lost = func(err error) {
		if lostConnection(err) { // once for all who have asked, and for the pool
			c.generation.CompareAndSwap(p.generation, p.generation+1)
		}
	}
	go p.read()
	return p, nil
}

// renew proves the server of p anew, or joins whoever is at it. A pipe whose
// server fails is not used any more.
func (c *client) renew(p *pipe) *errand {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.renewal != nil {
		return p.renewal
	}
	e := &errand{done: make(chan struct{})}
	p.renewal = e
	go func() {
		now := time.Now()
		deadline := now.Add(opTimeout)
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		conn := &generationConn{Conn: pipeConn{p}, generation: p.generation, server: p.server}
		if e.err = c.proveAgain(ctx, conn, deadline); e.err == nil {
			p.prove(now, conn.proved)
		} else {
			c.pipes.drop(p)
		}
		p.mu.Lock()
		p.renewal = nil
		p.mu.Unlock()
		close(e.done)
	}()
	return e
}

// drop lets nobody use p any more.
func (s *pipes) drop(p *pipe) {
	s.current.CompareAndSwap(p, nil)
	p.retire()
}

// close closes the pipe once those who have asked are answered, and lets nobody
// open another one.
func (s *pipes) close() {
	s.mu.Lock()
	s.closed = true
	p := s.current.Swap(nil)
	s.mu.Unlock()
	if p != nil {
		p.retire()
	}
}

// pipeConn asks through a pipe what a proof has to ask on the connection that it
// is about. Only Do is of use.
type pipeConn struct{ *pipe }

var _ redis.ConnWithTimeout = pipeConn{}

var errOnlyDo = errors.New("redisdb: a pipe knows only Do")

// Do implements redis.Conn.
func (c pipeConn) Do(cmd string, args ...any) (any, error) {
	return c.DoWithTimeout(opTimeout, cmd, args...)
}

// DoWithTimeout implements redis.ConnWithTimeout.
func (c pipeConn) DoWithTimeout(d time.Duration, cmd string, args ...any) (any, error) {
	q := newQuestion(time.Now().Add(d))
	q.command(cmd, args)
	err := c.ask(q)
	reply := q.reply
	q.free()
	if err != nil {
		return nil, err
	}
	return reply, nil
}

// Err implements redis.Conn.
func (c pipeConn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close implements redis.Conn; the pipe stays open.
func (c pipeConn) Close() error { return nil }

// Send implements redis.Conn.
func (c pipeConn) Send(string, ...any) error { return errOnlyDo }

// Flush implements redis.Conn.
func (c pipeConn) Flush() error { return errOnlyDo }

// Receive implements redis.Conn.
func (c pipeConn) Receive() (any, error) { return nil, errOnlyDo }

// ReceiveWithTimeout implements redis.ConnWithTimeout.
func (c pipeConn) ReceiveWithTimeout(time.Duration) (any, error) { return nil, errOnlyDo }
