package redisdb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// pool keeps connections for the next operation and bounds how many are in use
// at once; whoever comes too late for one waits. It does what redigo's Pool does
// with Wait, except that an operation that finds a connection idle costs neither
// a context with a timer nor memory: in redigo's they were a fifth of what a
// check allocates.
type pool struct {
	dial func(context.Context) (*generationConn, error)
	// mayUse says whether an idle connection may be used once more, asking its
	// server if need be, by the deadline.
	mayUse func(ctx context.Context, c *generationConn, deadline time.Time) error

	lent chan struct{} // an entry for each connection in use

	mu     sync.Mutex
	idle   []*generationConn // last used last
	closed bool
}

var errClosed = errors.New("redisdb: the store is closed")

// get returns a connection that put has to be given back.
func (p *pool) get(ctx context.Context, deadline time.Time) (c *generationConn, err error) {
	select {
	case p.lent <- struct{}{}:
	default:
		if err := p.wait(ctx, deadline); err != nil {
			return nil, err
		}
	}
	defer func() {
		if c == nil { // also on a panic, which costs that request and no place for good
			<-p.lent
		}
	}()
	return p.find(ctx, deadline)
}

// wait is for when all connections are in use.
func (p *pool) wait(ctx context.Context, deadline time.Time) error {
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case p.lent <- struct{}{}:
		return nil
	case <-late.C:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns an idle connection, or a new one.
func (p *pool) find(ctx context.Context, deadline time.Time) (*generationConn, error) {
	for {
		c, err := p.pop()
		if err != nil {
			return nil, err
		}
		if c == nil {
			ctx, cancel := context.WithDeadline(ctx, deadline)
			defer cancel()
			return p.dial(ctx)
		}
		if p.usable(ctx, c, deadline) {
			return c, nil
		}
	}
}

// usable reports whether an idle connection may be used once more, and closes it
// if not.
func (p *pool) usable(ctx context.Context, c *generationConn, deadline time.Time) (yes bool) {
	defer func() {
		if !yes { // or mayUse has panicked
			c.Close()
		}
	}()
	return p.mayUse(ctx, c, deadline) == nil
}

// pop takes the idle connection that was used last out of the pool; nil if there
// is none. On the way it closes the one unused for longest, if that is too long.
func (p *pool) pop() (*generationConn, error) {
	c, stale, err := p.take()
	if stale != nil {
		stale.Close()
	}
	return c, err
}

func (p *pool) take() (c, stale *generationConn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errClosed
	}
	if len(p.idle) > 0 && time.Since(p.idle[0].used) > p.patience() {
		stale = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	if last := len(p.idle) - 1; last >= 0 {
		c, p.idle[last], p.idle = p.idle[last], nil, p.idle[:last]
	}
	return c, stale, nil
}

// patience is how long a connection may be unused. Held: p.mu.
func (p *pool) patience() time.Duration {
	if len(p.idle) > maxIdle {
		return spareTimeout
	}
	return idleTimeout
}

// put gives back what get returned. A broken connection is not kept.
func (p *pool) put(c *generationConn) {
	if !p.keep(c) {
		c.Close()
	}
	<-p.lent
}

func (p *pool) keep(c *generationConn) bool {
	if c.Err() != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	c.used = time.Now()
	p.idle = append(p.idle, c)
	return true
}

// Close closes the connections that are not in use; the others follow when they
// are given back.
func (p *pool) Close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
	return nil
}

var _ redis.ConnWithTimeout = (*generationConn)(nil)
