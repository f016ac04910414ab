package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// However a session has ended, its refresh token is refused for that reason, on
// the contract's level too, and the session is not there again.
func refreshRevivesNothing(t *testing.T, w *world) {
	ctx := context.Background()
	for name, end := range map[session.Reason]func(s session.Session) error{
		session.Forced: func(s session.Session) error {
			_, err := w.manager.End(ctx, []session.ID{s.ID}, forced)
			return err
		},
		session.Logout: func(s session.Session) error {
			_, err := w.manager.EndUser(ctx, s.User, "", session.Why{Reason: session.Logout})
			return err
		},
		session.Disabled: func(session.Session) error {
			_, err := w.manager.EndAll(ctx, session.Why{Reason: session.Disabled})
			return err
		},
		session.Expired: func(session.Session) error {
			w.clock.Advance(limits.Idle)
			return nil
		},
	} {
		s, token := w.loginBearer(w.newUser())
		early := w.useOf(s.ID, 1, "x") // by the clock of a request that began in time
		early.Hash = s.Refresh.Hash
		must(t, end(s))
		w.wantRefused(token, name)
		if _, err := w.Store.Rotate(ctx, early); !isEnded(err) {
			t.Errorf("%s: rotation after the answer: %v, want ended", name, err)
		}
		if _, err := w.Store.Find(ctx, s.ID); !isEnded(err) {
			t.Errorf("%s: the session is there again: %v", name, err)
		}
		list, err := w.Store.ListUser(ctx, s.User, early.Now)
		must(t, err)
		if len(list) > 0 {
			t.Errorf("%s: the session is listed again", name)
		}
	}
	if _, err := w.Store.Rotate(ctx, w.useOf(session.IDOf("nobody's"), 1, "x")); !isEnded(err) {
		t.Errorf("rotation of no session: %v, want ended", err)
	}
	if _, err := w.Store.Find(ctx, session.IDOf("nobody's")); !isEnded(err) {
		t.Error("a rotation has created a session")
	}
}

// Clients refresh as fast as they can, each its own session and with every token
// twice at once on two nodes, while the sessions are ended: no refresh that begins
// after the end was answered is let through, and none is taken for a replay.
func endAgainstRefresh(t *testing.T, w *world) {
	ctx := context.Background()
	for name, end := range map[string]func(user.ID, []session.ID) error{
		"by id":         func(_ user.ID, ids []session.ID) error { _, err := w.manager.End(ctx, ids, forced); return err },
		"of a user":     func(u user.ID, _ []session.ID) error { _, err := w.manager.EndUser(ctx, u, "", forced); return err },
		"of everything": func(user.ID, []session.ID) error { _, err := w.manager.EndAll(ctx, forced); return err },
	} {
		for range 5 {
			u := w.newUser()
			run := &refreshing{nodes: [2]*node{w.node, w.newNode(w.Store)}}
			var ids []session.ID
			var tokens []string
			for range 4 {
				s, token := w.loginBearer(u)
				ids, tokens = append(ids, s.ID), append(tokens, token)
			}
			started := make(chan struct{}, len(tokens))
			var wg sync.WaitGroup
			for _, token := range tokens {
				wg.Go(func() { run.client(t, token, started) })
			}
			for range tokens {
				<-started
			}
			err := end(u.ID, ids)
			run.over.Store(true)
			wg.Wait()
			must(t, err)
			if n := run.late.Load(); n > 0 {
				t.Errorf("end %s: %d refreshes accepted that began after it was answered", name, n)
			}
			if run.accepted.Load() == 0 {
				t.Errorf("end %s: no refresh was accepted before it: the test shows nothing", name)
			}
			for _, id := range ids {
				if w.aliveID(id) {
					t.Errorf("end %s: a session is alive again", name)
				}
			}
		}
	}
}

// refreshing is clients at work.
type refreshing struct {
	nodes          [2]*node
	over           atomic.Bool // the end of their sessions has been answered
	accepted, late atomic.Int64
}

// client refreshes until a few times after the end, and says when it has begun.
func (r *refreshing) client(t *testing.T, token string, started chan<- struct{}) {
	for turn, after := 0, 0; after < 5; turn++ {
		began := r.over.Load()
		var next [2]string
		var both sync.WaitGroup
		for i, n := range r.nodes {
			both.Go(func() {
				var err error
				var ended *session.EndedError
				_, next[i], err = n.manager.Refresh(context.Background(), token)
				switch {
				case err == nil && began:
					r.late.Add(1)
				case err == nil:
					r.accepted.Add(1)
				case errors.Is(err, session.ErrUnavailable): // to be shown again
				case !errors.As(err, &ended) || ended.Reason != session.Forced:
					t.Errorf("refresh: %v, want a successor or ended as forced", err)
				}
			})
		}
		both.Wait()
		if next[0] != "" && next[1] != "" && next[0] != next[1] {
			t.Error("two successors of one token")
		}
		if last := max(next[0], next[1]); last != "" { // "" is from one that came too late
			token = last
		}
		if turn == 0 {
			started <- struct{}{}
		}
		if began {
			after++
		}
	}
}

func reuseIsRecordedFirst(t *testing.T, w *world) {
	ctx := context.Background()
	s, stolen := w.loginBearer(w.newUser())
	w.refresh(w.refresh(stolen))
	watch := &watchedLedger{Ledger: w.Ledger, before: func() {
		if _, err := w.Store.Find(ctx, s.ID); err != nil {
			t.Errorf("session ended before its end was recorded: %v", err)
		}
	}}
	head, err := w.Ledger.Head(ctx)
	must(t, err)
	gone, cancel := context.WithCancel(ctx)
	watched := watch.before
	watch.before = func() { watched(); cancel() } // and the thief does not wait for the answer
	var reuse *session.ReuseError
	if _, _, err := w.newManager(w.Store, watch).Refresh(gone, stolen); !errors.As(err, &reuse) || reuse.Err != nil {
		t.Errorf("replay: %v, want *ReuseError", err)
	}
	if w.aliveID(s.ID) || watch.calls != 1 {
		t.Errorf("alive, or %d ledger calls, want 1", watch.calls)
	}
	entries, err := w.Ledger.After(ctx, head, 10)
	must(t, err)
	if len(entries) != 1 || entries[0].Session != s.ID || entries[0].Why != (session.Why{Reason: session.Reuse}) {
		t.Errorf("ledger: %+v", entries)
	}
}

// If the end cannot be recorded it is done all the same, and whoever asked is not
// told that it is final.
func reuseWithoutLedger(t *testing.T, w *world) {
	s, stolen := w.loginBearer(w.newUser())
	w.refresh(w.refresh(stolen))
	away := w.newManager(w.Store, &watchedLedger{Ledger: w.Ledger, fail: session.ErrUnavailable})
	_, next, err := away.Refresh(context.Background(), stolen)
	var reuse *session.ReuseError
	if !errors.Is(err, session.ErrUnavailable) || isEnded(err) || next != "" || !errors.As(err, &reuse) || reuse.Receipt.Ended != 1 {
		t.Errorf("replay without a ledger: %q, %v, want ErrUnavailable", next, err)
	}
	if w.aliveID(s.ID) {
		t.Error("the session is alive")
	}
}
