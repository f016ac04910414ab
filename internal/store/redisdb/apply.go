package redisdb

import (
	"context"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// catchUp is one run over the missing entries, shared by all who wait for it.
type catchUp struct {
	done chan struct{}
	err  error
}

// catchUp brings the server up to at least head, or joins the run under way. If
// ctx ends first the run goes on.
func (g *gate) catchUp(ctx context.Context, head int64) error {
	run := g.catchingUp(ctx)
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return fmt.Errorf("%w: entry %d is still to be applied", errBehind, head)
	}
}

// catchingUp begins a run, or returns the one under way.
func (g *gate) catchingUp(ctx context.Context) *catchUp {
	g.at.Lock()
	defer g.at.Unlock()
	run := g.applying
	if run == nil {
		run = &catchUp{done: make(chan struct{})}
		g.applying = run
		go func() {
			run.err = g.apply(context.WithoutCancel(ctx))
			g.at.Lock()
			g.applying = nil
			g.at.Unlock()
			close(run.done)
		}()
	}
	return run
}

// apply applies every entry after the server's own position, or that of each of
// its shards. One that is being moved is left out, and goes on not proving itself.
func (g *gate) apply(ctx context.Context) error {
	begin, applied := time.Now(), 0
	for out := shardSet(0); ; {
		var behind []*Store // all with their positions
		var low int64
		for _, s := range g.raw {
			if !(g.on() &^ out).has(s.bit()) {
				continue
			}
			err := s.client.do(ctx, func(c boundConn) (err error) {
				s.position, err = g.follow(c, s)
				return err
			})
			if err != nil {
				if len(g.raw) == 1 || !isMoving(err) {
					return err
				}
				out |= s.bit()
				continue
			}
			if len(behind) == 0 || s.position.seq < low {
				low = s.position.seq
			}
			behind = append(behind, s)
		}
		if len(behind) == 0 {
			return nil
		}
		entries, err := g.ledger.After(ctx, low, 10*applyBatch)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return g.report(ctx, behind, applied, time.Since(begin))
		}
		n, failed, err := replay(ctx, behind, entries)
		applied += n
		if err != nil && (len(g.raw) == 1 || !isMoving(err)) {
			return err
		}
		if err != nil {
			out |= failed
		}
	}
}

// follow has the server follow this ledger with a shard if it follows none.
func (g *gate) follow(c redis.Conn, s *Store) (position, error) {
	p, err := positionOf(c, s.keys)
	if err != nil {
		return p, err
	}
	name := redis.Args{s.keys.ledger(), g.name}
	switch {
	case p.ledger == "":
		_, err = c.Do("SET", append(name, "NX")...) // another installation may be first
	case p.ledger+layout == g.name:
		_, err = c.Do("SET", name...)
	default:
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p, err = positionOf(c, s.keys)
	return g.ours(p), err
}

// report also settles a ledger whose newest entries have been pruned, all of
// them older than any session: there is nothing to apply and head is reached.
func (g *gate) report(ctx context.Context, all []*Store, applied int, took time.Duration) error {
	head, err := g.ledger.Head(ctx)
	if err != nil {
		return err
	}
	low := all[0].position.seq
	for _, s := range all {
		low = min(low, s.position.seq)
	}
	if low < head {
		entries, err := g.ledger.After(ctx, low, 1)
		for _, s := range all {
			if err != nil || len(entries) > 0 || s.position.seq >= head {
				continue
			}
			if err := s.applied(ctx, session.Span{First: s.position.seq + 1, Last: head}); err != nil && (len(g.raw) == 1 || !isMoving(err)) {
				return err
			}
		}
	}
	// In a cluster this is also how positions are moved along all the time.
	if applied > 0 && (len(g.raw) == 1 || applied > applyBatch) {
		g.log.Info("Redis has been told again what had ended", "entries", applied, "took", took)
	}
	return nil
}
