package redisdb

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// wire is a connection to nowhere.
type wire struct {
	redis.Conn
	broken error
	open   *atomic.Int64
}

func (w *wire) Err() error   { return w.broken }
func (w *wire) Close() error { w.open.Add(-1); return nil }

// wires returns a pool of them and how many are open.
func wires() (*pool, *atomic.Int64) {
	open := &atomic.Int64{}
	return &pool{
		lent: make(chan struct{}, maxActive),
		dial: func(context.Context) (*generationConn, error) {
			open.Add(1)
			return &generationConn{Conn: &wire{open: open}}, nil
		},
		mayUse: func(context.Context, *generationConn, time.Time) error { return nil },
	}, open
}

func lend(t *testing.T, p *pool) *generationConn {
	t.Helper()
	c, err := p.get(t.Context(), time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPoolUsesConnectionsAgain(t *testing.T) {
	p, open := wires()
	first := lend(t, p)
	second := lend(t, p)
	p.put(first)
	p.put(second)
	if c := lend(t, p); c != second {
		t.Error("not the one used last")
	} else {
		c.Conn.(*wire).broken = io.EOF
		p.put(c)
	}
	if n := open.Load(); n != 1 {
		t.Errorf("%d open, want 1: a broken connection is closed", n)
	}
	p.mayUse = func(context.Context, *generationConn, time.Time) error { return errStale }
	if c := lend(t, p); c == first {
		t.Error("a connection that may not be used any more was")
	} else {
		p.put(c)
	}
	if n := open.Load(); n != 1 {
		t.Errorf("%d open, want 1: one that may not be used is closed", n)
	}
}

func TestPoolIsBounded(t *testing.T) {
	p, open := wires()
	var all []*generationConn
	for range maxActive {
		all = append(all, lend(t, p))
	}
	if _, err := p.get(t.Context(), time.Now().Add(10*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one too many: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.get(gone, time.Now().Add(time.Minute)); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many, for somebody who has gone: %v", err)
	}
	got := make(chan *generationConn)
	go func() {
		c, _ := p.get(context.Background(), time.Now().Add(time.Minute))
		got <- c
	}()
	p.put(all[0])
	p.put(<-got) // whoever waited has it
	for _, c := range all[1:] {
		p.put(c)
	}
	if n := open.Load(); n != maxActive {
		t.Errorf("%d kept, want %d", n, maxActive)
	}
}

// A crowd that comes again and again opens its connections once. When it stays
// away, they are closed one by one.
func TestPoolKeepsWhatACrowdNeeds(t *testing.T) {
	p, open := wires()
	dial, dials := p.dial, 0
	p.dial = func(ctx context.Context) (*generationConn, error) { dials++; return dial(ctx) }
	const crowd = 2 * maxIdle
	for range 10 {
		var all []*generationConn
		for range crowd {
			all = append(all, lend(t, p))
		}
		for _, c := range all {
			p.put(c)
		}
	}
	if dials != crowd {
		t.Fatalf("%d connections were opened for %d at once", dials, crowd)
	}
	for _, c := range p.idle[:crowd-1] {
		c.used = time.Now().Add(-spareTimeout - time.Second)
	}
	for range crowd {
		p.put(lend(t, p))
	}
	if n := open.Load(); n != maxIdle {
		t.Errorf("%d are open after %v with one at a time, want %d", n, spareTimeout, maxIdle)
	}
}

func TestPoolDialFails(t *testing.T) {
	p, _ := wires()
	dial := p.dial
	p.dial = func(context.Context) (*generationConn, error) { return nil, io.EOF }
	for range 2 * maxActive { // a failure takes no place
		if _, err := p.get(t.Context(), time.Now().Add(time.Minute)); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	p.dial = dial
	p.put(lend(t, p))
}

func TestPoolClosesWhatIsUnused(t *testing.T) {
	p, open := wires()
	first, second := lend(t, p), lend(t, p)
	p.put(first)
	p.put(second)
	first.used = time.Now().Add(-idleTimeout - time.Second)
	last := lend(t, p)
	if n := open.Load(); n != 1 || last != second {
		t.Errorf("%d open, want the one that was used lately", n)
	}
	p.Close()
	if _, err := p.get(t.Context(), time.Now().Add(time.Minute)); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
	p.put(last)
	if n := open.Load(); n != 0 {
		t.Errorf("%d open after Close", n)
	}
}

// net/http goes on after a panic, and so must the pool.
func TestPoolGivesPlacesBackAfterAPanic(t *testing.T) {
	p, open := wires()
	dial := p.dial
	for _, panicking := range []func(){
		func() { p.dial = func(context.Context) (*generationConn, error) { panic("in dial") } },
		func() {
			p.dial = dial
			p.put(lend(t, p))
			p.mayUse = func(context.Context, *generationConn, time.Time) error { panic("in mayUse") }
		},
	} {
		panicking()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			c, err := p.get(t.Context(), time.Now().Add(time.Minute))
			t.Errorf("%v, %v", c, err)
		}()
		if n := len(p.lent); n != 0 {
			t.Errorf("%d places are taken by nobody", n)
		}
	}
	if n := open.Load(); n != 0 {
		t.Errorf("%d connections are open and nobody has them", n)
	}
}
