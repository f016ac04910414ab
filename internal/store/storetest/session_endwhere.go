package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// crowd is sessions that differ in all that a filter looks at.
type crowd struct {
	alice, bob, root user.User
	live             map[string]session.ID
}

// newCrowd starts five sessions of three users.
func newCrowd(t *testing.T, w *world) crowd {
	t.Helper()
	c := crowd{alice: w.newUser(), bob: w.newUser(), live: map[string]session.ID{}}
	c.root = user.User{ID: user.NewID(), Username: fmt.Sprintf("admin%d", serial.Add(1)), Role: user.RoleAdmin, PasswordHash: "hash", CreatedAt: w.clock.Now()}
	must(t, w.Users.Create(context.Background(), c.root))
	start := func(name string, u user.User, ip, browser string) {
		t.Helper()
		_, id := session.NewToken(u.ID)
		_, err := w.manager.Start(context.Background(), id, session.New{
			User: w.read(u), Remember: true, IP: netip.MustParseAddr(ip), Device: session.Device{Browser: browser, OS: "Linux"},
		}, nil)
		must(t, err)
		c.live[name] = id
	}
	start("alice old", c.alice, "192.0.2.7", "Chrome")
	start("bob old", c.bob, "198.51.100.9", "Firefox")
	w.clock.Advance(48 * time.Hour)
	start("alice new", c.alice, "198.51.100.7", "Firefox")
	start("root", c.root, "192.0.2.8", "Chrome")
	start("root six", c.root, "2001:db8::8", "Safari")
	s, err := w.manager.Check(context.Background(), c.live["bob old"]) // begun long ago, seen now
	must(t, err)
	must(t, w.manager.Touch(context.Background(), s))
	return c
}

func endWhere(t *testing.T, w *world) {
	ctx := context.Background()
	all := []string{"alice old", "bob old", "alice new", "root", "root six"}
	for _, test := range []struct {
		name   string
		filter func(crowd) session.Filter
		hits   []string
		users  int
	}{
		{"user", func(c crowd) session.Filter { return session.Filter{User: c.alice.ID} }, []string{"alice old", "alice new"}, 1},
		{"role", func(crowd) session.Filter { return session.Filter{Role: user.RoleAdmin} }, []string{"root", "root six"}, 1},
		{"network", func(crowd) session.Filter { return session.Filter{IP: netip.MustParsePrefix("192.0.2.0/24")} }, []string{"alice old", "root"}, 2},
		{"device", func(crowd) session.Filter { return session.Filter{Device: "firefox"} }, []string{"bob old", "alice new"}, 2},
		{"text", func(c crowd) session.Filter { return session.Filter{Text: c.root.Username} }, []string{"root", "root six"}, 1},
		{"older", func(crowd) session.Filter { return session.Filter{OlderThan: 24 * time.Hour} }, []string{"alice old", "bob old"}, 2},
		{"idle", func(crowd) session.Filter { return session.Filter{IdleFor: 24 * time.Hour} }, []string{"alice old"}, 1},
		{"cookie", func(crowd) session.Filter { return session.Filter{Carrier: session.Cookie} }, all, 3},
		{"bearer", func(crowd) session.Filter { return session.Filter{Carrier: session.Bearer} }, nil, 0},
		{"user and device", func(c crowd) session.Filter { return session.Filter{User: c.alice.ID, Device: "Chrome"} }, []string{"alice old"}, 1},
		{"role and network", func(crowd) session.Filter {
			return session.Filter{Role: user.RoleUser, IP: netip.MustParsePrefix("198.51.100.0/24"), OlderThan: time.Hour}
		}, []string{"bob old"}, 1},
		{"nobody", func(crowd) session.Filter { return session.Filter{Role: user.RoleUser, Device: "Safari"} }, nil, 0},
		{"ids", func(c crowd) session.Filter {
			return session.Filter{IDs: []session.ID{c.live["root"], c.live["bob old"]}}
		}, []string{"root", "bob old"}, 2},
		{"everyone", func(crowd) session.Filter { return session.Filter{Everyone: true} }, all, 3},
	} {
		c := newCrowd(t, w)
		f := test.filter(c)
		p, err := w.manager.Preview(ctx, f)
		must(t, err)
		if p.Sessions != len(test.hits) || p.Users != test.users || len(p.First) != len(test.hits) {
			t.Errorf("%s: preview %d of %d, want %d of %d", test.name, p.Sessions, p.Users, len(test.hits), test.users)
		}
		r, err := w.manager.EndWhere(ctx, f, forced)
		must(t, err)
		if r.Ended != len(test.hits) || r.Gone != 0 {
			t.Errorf("%s: receipt %+v, want %d ended", test.name, r, len(test.hits))
		}
		if !f.Everyone && (r.Users != test.users || len(r.Hit) != max(test.users, 0)) {
			t.Errorf("%s: receipt %+v, want %d users", test.name, r, test.users)
		}
		gone := map[string]bool{}
		for _, name := range test.hits {
			gone[name] = true
		}
		for name, id := range c.live {
			_, err := w.manager.Check(ctx, id)
			if isEnded(err) != gone[name] || err != nil && !isEnded(err) {
				t.Errorf("%s: session %q: %v, want ended: %v", test.name, name, err, gone[name])
			}
		}
		// Again: nothing is left, and nothing else is hit.
		again, err := w.manager.EndWhere(ctx, f, forced)
		must(t, err)
		if again.Ended != 0 || again.Gone != len(f.IDs) {
			t.Errorf("%s, again: receipt %+v", test.name, again)
		}
		_, err = w.manager.EndAll(ctx, forced)
		must(t, err)
	}
}

// endWhereIsRecordedFirst: no session ends by filter that the ledger has not
// been told of, and a ledger that is away is said.
func endWhereIsRecordedFirst(t *testing.T, w *world) {
	ctx := context.Background()
	c := newCrowd(t, w)
	watch := &watchedLedger{Ledger: w.Ledger}
	watch.before = func() {
		if _, err := w.Store.Find(ctx, c.live["root"]); err != nil && watch.calls == 1 {
			t.Errorf("session ended before its end was recorded: %v", err)
		}
	}
	m := session.NewManager(w.Store, watch, limits, w.clock.Now)
	_, err := m.EndWhere(ctx, session.Filter{Role: user.RoleAdmin}, forced)
	must(t, err)
	if watch.calls == 0 {
		t.Error("the ledger was not told")
	}
	watch.fail = session.ErrUnavailable
	if _, err := m.EndWhere(ctx, session.Filter{Role: user.RoleUser}, forced); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("ledger away: %v", err)
	}
	if _, err := m.EndWhere(ctx, session.Filter{Everyone: true}, forced); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("ledger away, everyone: %v", err)
	}
}

// RaiseAll implements session.Ledger.
func (l *watchedLedger) RaiseAll(ctx context.Context, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	if l.fail != nil {
		return user.Epoch{}, session.Span{}, l.fail
	}
	return l.Ledger.RaiseAll(ctx, why, now)
}

// endWhereAgainstLogins: what had begun when the end was called is over when it
// is answered, however many begin meanwhile, and it comes to an answer.
func endWhereAgainstLogins(t *testing.T, w *world) {
	ctx := context.Background()
	u, admin := w.newUser(), newCrowd(t, w).live["root"]
	var mu sync.Mutex
	var begun []string
	var failed atomic.Bool
	const most = 500
	var since atomic.Int64 // how many have logged in since the last end
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// What ends slowly, because the machine is slow, must not meet ever more to
				// end: then there are fewer log-ins, but always some.
				pause := time.Millisecond
				if since.Load() > most {
					pause *= 50
				}
				time.Sleep(pause)
				w.clock.Advance(time.Millisecond)
				token, err := w.tryLogin(u, false)
				since.Add(1)
				if err != nil {
					failed.Store(true)
					return
				}
				mu.Lock()
				begun = append(begun, token)
				mu.Unlock()
			}
		})
	}
	checked := 0
	for range 5 {
		since.Store(0)
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		before := slices.Clone(begun[checked:])
		mu.Unlock()
		checked += len(before)
		_, err := w.manager.EndWhere(ctx, session.Filter{Role: user.RoleUser, Device: "Chrome"}, forced)
		must(t, err)
		for _, token := range before {
			if w.alive(token) {
				t.Error("a session that had begun before outlived the end")
			}
		}
	}
	close(stop)
	wg.Wait()
	if failed.Load() || len(begun) == 0 {
		t.Errorf("log-ins failed: %v, began: %d", failed.Load(), len(begun))
	}
	if _, err := w.manager.Check(ctx, admin); err != nil {
		t.Errorf("a session that does not match: %v", err)
	}
	// Of one user alone, it also catches who has had the password checked.
	read := w.read(u)
	_, err := w.manager.EndWhere(ctx, session.Filter{User: u.ID}, forced)
	must(t, err)
	if _, err := w.tryLogin(read, false); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("log-in under way: %v, want ErrEpoch", err)
	}
}

// endWhereAgainstRenew: a session that gets its new token while the end reads
// the list has matched all the time, and ends.
func endWhereAgainstRenew(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	_, id := w.login(u)
	s, err := w.manager.Check(ctx, id)
	must(t, err)
	renewing := &renewingStore{Store: w.Store, before: func() {
		_, next := session.NewToken(u.ID)
		if s, err = w.manager.Renew(ctx, s, next, s.Epoch, nil); err != nil {
			t.Errorf("renew: %v", err)
		}
	}}
	m := session.NewManager(renewing, w.Ledger, limits, w.clock.Now)
	_, err = m.EndWhere(ctx, session.Filter{Device: "Chrome"}, forced)
	must(t, err)
	if _, err := w.manager.Check(ctx, s.ID); !isEnded(err) {
		t.Errorf("the renewed session: %v, want ended", err)
	}
}

// renewingStore hides what is renewed from the first scan, as a scan does whose
// place for the new key is behind it.
type renewingStore struct {
	session.Store
	before func()
}

// Scan implements session.Store.
func (s *renewingStore) Scan(ctx context.Context, now time.Time, fn func(session.Session) error) error {
	if s.before != nil {
		s.before()
		s.before = nil
		return nil
	}
	return s.Store.Scan(ctx, now, fn)
}
