package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func onlyStartCreates(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	token, id := w.login(u)
	s, err := w.manager.Check(ctx, id)
	must(t, err)
	_, err = w.manager.End(ctx, []session.ID{id}, forced)
	must(t, err)

	w.clock.Advance(time.Minute)
	next := s
	_, next.ID = session.NewToken(u.ID)
	writes := map[string]error{
		"save":  w.Store.Save(ctx, s, []byte{1, 0}, w.clock.Now()),
		"touch": w.Store.Touch(ctx, s, w.clock.Now()),
		"renew": w.Store.Renew(ctx, s, next),
	}
	for name, err := range writes {
		if !isEnded(err) {
			t.Errorf("%s of an ended session: got %v, want ended", name, err)
		}
	}
	w.mustBeEnded(token, session.Forced)
	if _, err := w.Store.Find(ctx, next.ID); !isEnded(err) {
		t.Errorf("renewal of an ended session: got %v, want ended", err)
	}
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("ended session is listed: %v", list)
	}

	never := s
	_, never.ID = session.NewToken(u.ID)
	if err := w.Store.Save(ctx, never, nil, w.clock.Now()); !isEnded(err) {
		t.Errorf("save of an unknown session: got %v, want ended", err)
	}
	if _, err := w.Store.Find(ctx, never.ID); !isEnded(err) {
		t.Errorf("unknown session after a save: got %v, want ended", err)
	}
}

func idsAreUsedOnce(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	token, id := w.login(u)
	s, err := w.manager.Check(ctx, id)
	must(t, err)
	other := s
	other.Username = "mallory"
	if err := w.Store.Start(ctx, session.Start{Session: other}); !errors.Is(err, session.ErrExists) {
		t.Errorf("start with a live id: got %v, want ErrExists", err)
	}
	_, err = w.manager.End(ctx, []session.ID{id}, forced)
	must(t, err)
	if err := w.Store.Start(ctx, session.Start{Session: s}); !errors.Is(err, session.ErrExists) {
		t.Errorf("start with an ended id: got %v, want ErrExists", err)
	}
	w.mustBeEnded(token, session.Forced)
}

func finalBeforeAnswered(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	watch := &watchedLedger{Ledger: w.Ledger}
	_, id := w.login(u)
	watch.before = func() { // the row comes first: the session still lives
		if _, err := w.Store.Find(ctx, id); err != nil {
			t.Errorf("session ended before its end was recorded: %v", err)
		}
	}
	m := session.NewManager(w.Store, watch, limits, w.clock.Now)
	r, err := m.End(ctx, []session.ID{id}, forced)
	must(t, err)
	if watch.calls != 1 || r.Ended != 1 || r.Gone != 0 {
		t.Errorf("end: %d ledger calls, receipt %+v; want 1 call, 1 ended", watch.calls, r)
	}
	if _, err := w.Store.Find(ctx, id); !isEnded(err) {
		t.Errorf("after the answer: %v, want ended", err)
	}
}

// watchedLedger calls before in front of each record, and fails if told to.
type watchedLedger struct {
	session.Ledger
	before func()
	fail   error
	calls  int
}

func (l *watchedLedger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (session.Span, error) {
	l.calls++
	if l.before != nil {
		l.before()
	}
	if l.fail != nil {
		return session.Span{}, l.fail
	}
	return l.Ledger.RecordEnd(ctx, ids, why, now)
}

func (l *watchedLedger) RaiseUser(ctx context.Context, u user.ID, keep session.ID, why session.Why, now time.Time) (user.Epoch, session.Span, error) {
	if l.fail != nil {
		return user.Epoch{}, session.Span{}, l.fail
	}
	return l.Ledger.RaiseUser(ctx, u, keep, why, now)
}

func ledgerAway(t *testing.T, w *world) {
	ctx := context.Background()
	m := session.NewManager(w.Store, &watchedLedger{Ledger: w.Ledger, fail: session.ErrUnavailable}, limits, w.clock.Now)
	u := w.newUser()

	one, id := w.login(u)
	if _, err := m.End(ctx, []session.ID{id}, forced); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("end without a ledger: got %v, want ErrUnavailable", err)
	}
	w.mustBeEnded(one, session.Forced) // what could be done has been done

	two, _ := w.login(u)
	kept, keep := w.login(u)
	if _, err := m.EndUser(ctx, u.ID, keep, forced); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("end of a user without a ledger: got %v, want ErrUnavailable", err)
	}
	w.mustBeEnded(two, session.Forced)
	if !w.alive(kept) {
		t.Error("the kept session was ended")
	}
	_, err := w.manager.EndUser(ctx, u.ID, keep, forced) // repeating it is harmless
	must(t, err)
	if !w.alive(kept) {
		t.Error("the kept session was ended by the repetition")
	}
}

func endIsRepeatable(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	token, id := w.login(u)
	_, other := w.login(u)
	ids := []session.ID{id, other, session.IDOf("nobody's")}
	r, err := w.manager.End(ctx, ids, forced)
	must(t, err)
	if r.Ended != 2 || r.Gone != 1 {
		t.Errorf("first end: %+v, want 2 ended, 1 gone", r)
	}
	r, err = w.manager.End(ctx, ids, session.Why{Reason: session.Logout})
	must(t, err)
	if r.Ended != 0 || r.Gone != 3 {
		t.Errorf("second end: %+v, want 0 ended, 3 gone", r)
	}
	w.mustBeEnded(token, session.Forced) // the first reason stays

	// One whose time ran out unnoticed was gone already.
	late, lateID := w.login(u)
	w.clock.Advance(limits.Idle)
	r, err = w.manager.End(ctx, []session.ID{lateID}, forced)
	must(t, err)
	if r.Ended != 0 || r.Gone != 1 {
		t.Errorf("end of an expired session: %+v, want 0 ended, 1 gone", r)
	}
	w.mustBeEnded(late, session.Expired)

	// An end of a user that arrives late, or twice, spares sessions begun since.
	epoch, _, err := w.Ledger.RaiseUser(ctx, u.ID, "", forced, w.clock.Now())
	must(t, err)
	_, err = w.Store.EndUser(ctx, u.ID, epoch, "", forced, w.clock.Now())
	must(t, err)
	fresh, _ := w.login(w.read(u))
	n, err := w.Store.EndUser(ctx, u.ID, epoch, "", forced, w.clock.Now())
	must(t, err)
	if n != 0 || !w.alive(fresh) {
		t.Errorf("a repeated end of the user ended %d sessions begun after it", n)
	}
}

func endUserMissesNone(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	var wg sync.WaitGroup
	var mu sync.Mutex
	begun := map[string]user.Epoch{}
	stop := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				now, err := w.Users.ByID(ctx, u.ID)
				if err != nil {
					t.Error(err)
					return
				}
				token, err := w.tryLogin(now, false)
				switch {
				case errors.Is(err, session.ErrEpoch):
				case err != nil:
					t.Error(err)
					return
				default:
					mu.Lock()
					begun[token] = now.Epoch
					mu.Unlock()
				}
			}
		})
	}
	var last user.Epoch
	for range 10 {
		time.Sleep(5 * time.Millisecond)
		epoch, _, err := w.Ledger.RaiseUser(ctx, u.ID, "", forced, w.clock.Now())
		must(t, err)
		_, err = w.Store.EndUser(ctx, u.ID, epoch, "", forced, w.clock.Now())
		must(t, err)
		last = epoch
		list, err := w.manager.List(ctx, u.ID)
		must(t, err)
		for _, s := range list {
			if s.Epoch.Before(epoch) {
				t.Errorf("session of epoch %v is alive after the end of all before %v", s.Epoch, epoch)
			}
		}
	}
	close(stop)
	wg.Wait()
	for token, epoch := range begun {
		if w.alive(token) && epoch.Before(last) {
			t.Errorf("session of epoch %v outlived the end of all before %v", epoch, last)
		}
	}
	if len(begun) == 0 {
		t.Error("no log-in succeeded: the test shows nothing")
	}
}

func endUserSparesOthers(t *testing.T, w *world) {
	ctx := context.Background()
	a, b := w.newUser(), w.newUser()
	w.login(a)
	w.login(a)
	spared, _ := w.login(b)
	r, err := w.manager.EndUser(ctx, a.ID, "", forced)
	must(t, err)
	if r.Ended != 2 {
		t.Errorf("ended %d, want 2", r.Ended)
	}
	if !w.alive(spared) {
		t.Error("another user's session was ended")
	}
}

func listsFollow(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	var ids []session.ID
	for range 3 {
		w.clock.Advance(time.Second)
		_, id := w.login(u)
		ids = append(ids, id)
	}
	slices.Reverse(ids) // last seen first
	want := func(what string, ids []session.ID) {
		t.Helper()
		list, err := w.manager.List(ctx, u.ID)
		must(t, err)
		var got []session.ID
		for _, s := range list {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%s: listed %v, want %v", what, got, ids)
		}
		count := 0
		must(t, w.Store.Scan(ctx, w.clock.Now(), func(s session.Session) error {
			count++
			return nil
		}))
		if count != len(ids) {
			t.Errorf("%s: scanned %d, want %d", what, count, len(ids))
		}
	}
	want("after the log-ins", ids)
	_, err := w.manager.End(ctx, ids[1:2], forced)
	must(t, err)
	want("after one end", []session.ID{ids[0], ids[2]})
	w.clock.Advance(limits.Idle + time.Second)
	want("after the idle deadline", nil)
}

func oneEndReachesEveryNode(t *testing.T, w *world) {
	ctx := context.Background()
	second := w.newNode(w.Store)
	token, id := w.login(w.newUser())
	if err := second.visit(token, true); err != nil {
		t.Fatalf("second node: %v", err)
	}
	_, err := w.manager.End(ctx, []session.ID{id}, forced)
	must(t, err)
	if err := second.visit(token, true); !isEnded(err) {
		t.Errorf("second node after the end: %v, want ended", err)
	}
}

func reasons(t *testing.T, w *world) {
	ctx := context.Background()
	for _, reason := range []session.Reason{session.Logout, session.Forced, session.Password, session.Disabled, session.Replaced, session.Reuse} {
		token, id := w.login(w.newUser())
		_, err := w.manager.End(ctx, []session.ID{id}, session.Why{Reason: reason})
		must(t, err)
		w.mustBeEnded(token, reason)
		u := w.newUser()
		token, _ = w.login(u)
		_, err = w.manager.EndUser(ctx, u.ID, "", session.Why{Reason: reason})
		must(t, err)
		w.mustBeEnded(token, reason)
	}
}
