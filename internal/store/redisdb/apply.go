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
// its shards. One that cannot be written now is left out.
func (g *gate) apply(ctx context.Context) error {
	begin, applied := time.Now(), 0
	var left error // why a shard was left out
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
				out, left = out|s.bit(), err
				continue
			}
			if len(behind) == 0 || s.position.seq < low {
				low = s.position.seq
			}
			behind = append(behind, s)
		}
		if len(behind) == 0 {
			return left
		}
		entries, err := g.ledger.After(ctx, low, 10*applyBatch)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			if err := g.report(ctx, behind, applied, time.Since(begin)); err != nil {
				return err
			}
			return left
		}
		n, failed, err := replay(ctx, behind, entries)
		applied += n
		if err != nil && (len(g.raw) == 1 || !isMoving(err)) {
			return err
		}
		if err != nil {
			out, left = out|failed, err
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
	for _, s := range all {
		seq := s.position.seq
		if head <= seq {
			continue
		}
		if entries, err := g.ledger.After(ctx, seq, 1); err == nil && len(entries) == 0 {
			if err := s.applied(ctx, session.Span{First: seq + 1, Last: head}); err != nil {
				return err
			}
		}
	}
	if applied > 0 {
		g.log.Info("Redis has been told again what had ended", "entries", applied, "took", took)
	}
	return nil
}
