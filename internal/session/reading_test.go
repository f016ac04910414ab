package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/user"
)

// crowd is a store of n sessions, one a user, that takes a while for each.
type crowd struct {
	Store
	n    int
	each time.Duration
	read int
}

func (c *crowd) Scan(ctx context.Context, now time.Time, fn func(Session) error) error {
	for i := range c.n {
		time.Sleep(c.each)
		c.read++
		at := now.Add(time.Duration(i) * time.Millisecond)
		if err := fn(Session{ID: IDOf(fmt.Sprint(i)), User: user.ID(fmt.Sprint(i)), Username: fmt.Sprint("u", i), LastSeen: at}); err != nil {
			return err
		}
	}
	return nil
}

func crowdOf(n int, each time.Duration) (*crowd, *Manager) {
	c := &crowd{n: n, each: each}
	return c, NewManager(c, nil, Limits{}, time.Now)
}

// An administrator who opens the list of a million does not make the node read
// all of them, and the list says so.
func TestSearchStopsWhenItHasFoundEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := crowdOf(enough+5000, 0)
		p, err := m.Search(t.Context(), Filter{}, 1, 25)
		if err != nil || !p.Stopped || p.Total != enough || p.Users != enough || len(p.Sessions) != 25 || p.Pages != enough/25 {
			t.Errorf("total %d of %d users, %d pages, stopped %t, %v", p.Total, p.Users, p.Pages, p.Stopped, err)
		}
		if c.read > enough+1 {
			t.Errorf("%d read", c.read)
		}
		c.n = enough
		if p, err := m.Search(t.Context(), Filter{}, 1, 25); err != nil || p.Stopped || p.Total != enough {
			t.Errorf("exactly enough: total %d, stopped %t, %v", p.Total, p.Stopped, err)
		}
		c.n = enough + 5000 // what is about to be ended, or goes on part by part, is counted in full
		if p, err := m.Preview(t.Context(), Filter{Everyone: true}); err != nil || p.Sessions != c.n || p.Users != c.n {
			t.Errorf("preview of everyone: %+v, %v", p, err)
		}
		if l, err := m.Browse(t.Context(), Filter{}, Place{}, 10); err != nil || l.Total != c.n || !l.More {
			t.Errorf("browse: total %d, %v", l.Total, err)
		}
		if all, err := m.All(t.Context(), Filter{}); err != nil || len(all) != c.n || all[0].LastSeen.Before(all[1].LastSeen) {
			t.Errorf("all: %d, %v", len(all), err)
		}
	})
}

// One who searches for what nobody has gets an answer before the server gives
// the request up.
func TestSearchStopsAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := crowdOf(1_000_000, time.Millisecond)
		began := time.Now()
		p, err := m.Search(t.Context(), Filter{Text: "u12"}, 1, 25)
		took := time.Since(began)
		if err != nil || !p.Stopped || p.Total == 0 || took < lookFor || took > lookFor+time.Second || c.read == c.n {
			t.Errorf("%d found, stopped %t, after %v and %d: %v", p.Total, p.Stopped, took, c.read, err)
		}
	})
}

// Whoever reads everybody's sessions leaves half of the time to others.
func TestReaderRestsAsLongAsItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := crowdOf(10_000, 20*time.Microsecond) // 200 ms of work
		began := time.Now()
		if _, err := m.Search(t.Context(), Filter{}, 1, 25); err != nil {
			t.Fatal(err)
		}
		if took, work := time.Since(began), time.Duration(c.n)*c.each; took < 2*work-5*time.Millisecond || took > 2*work+5*time.Millisecond {
			t.Errorf("%v for %v of work", took, work)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := m.Search(ctx, Filter{}, 1, 25); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a reader whose client has gone: %v", err)
		}
	})
}

// Ten administrators cost the node what one does.
func TestReadersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m := crowdOf(1000, time.Millisecond)
		began := time.Now()
		if _, err := m.Search(t.Context(), Filter{}, 1, 25); err != nil {
			t.Fatal(err)
		}
		one := time.Since(began)
		began = time.Now()
		var mu sync.Mutex
		var busy int
		var last time.Duration
		var all sync.WaitGroup
		for range maxReaders + 2 {
			all.Go(func() {
				_, err := m.Browse(t.Context(), Filter{}, Place{}, 25)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, user.ErrBusy) {
					busy++
				} else if err != nil {
					t.Error(err)
				}
				last = time.Since(began)
			})
		}
		all.Wait()
		// Those beyond the places are told at once, the others within turnWithin.
		if served := maxReaders + 2 - busy; busy < 2 || served < 4 || last < time.Duration(served)*one {
			t.Errorf("%d of %d were told that others read; the others took %v, one takes %v", busy, maxReaders+2, last, one)
		}
		if len(m.reading.places) != 0 || len(m.reading.turn) != 0 {
			t.Error("a place or the turn was not given back")
		}
		// What names one user waits for nobody.
		m.reading.turn <- struct{}{}
		m.store = listOfOne{}
		began = time.Now()
		if p, err := m.Search(t.Context(), Filter{User: "kim"}, 1, 25); err != nil || p.Total != 1 || time.Since(began) != 0 {
			t.Errorf("one user's: %+v after %v, %v", p, time.Since(began), err)
		}
	})
}

type listOfOne struct{ Store }

func (listOfOne) ListUser(context.Context, user.ID, time.Time) ([]Session, error) {
	return []Session{{ID: IDOf("1"), User: "kim"}}, nil
}

// noting is a ledger, and a store, that notes how much it is told at once.
type noting struct {
	Ledger
	*crowd
	most, all int
}

func (n *noting) RecordEnd(_ context.Context, ids []ID, _ Why, _ time.Time) (Span, error) {
	n.most, n.all = max(n.most, len(ids)), n.all+len(ids)
	return Span{}, nil
}

func (n *noting) End(_ context.Context, ids []ID, _ Why, _ time.Time) (int, error) {
	n.crowd.n -= len(ids) // of those read before
	return len(ids), nil
}

// An end of very many by a filter keeps neither the ledger nor a processor busy for
// long at a time: others write there, and checks want to be served.
func TestEndByFilterGoesToTheLedgerInSmallPortions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := crowdOf(1000, 0)
		n := &noting{crowd: c}
		r, err := NewManager(n, n, Limits{}, func() time.Time { return time.Now().Add(time.Hour) }).
			EndWhere(t.Context(), Filter{Text: "u"}, Why{Reason: Forced})
		if err != nil || r.Ended < 1000 || n.all != r.Ended || n.most > 100 {
			t.Errorf("%d ended, %d in the ledger, at most %d at once, want 100: %v", r.Ended, n.all, n.most, err)
		}
	})
}
