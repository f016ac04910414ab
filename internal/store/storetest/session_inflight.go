package storetest

import (
	"cmp"
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// inFlight keeps clients busy with one token, every other request writing to
// the session, while end runs; then it reports requests that were accepted
// although they began after end had returned, and whether the token opens
// anything a moment later.
func inFlight(t *testing.T, w *world, token string, end func()) {
	t.Helper()
	const clients = 8
	var over atomic.Bool
	var late, accepted atomic.Int64
	var wg sync.WaitGroup
	started := make(chan struct{}, clients)
	for i := range clients {
		n := w.node
		if i%2 == 1 {
			n = w.newNode(w.Store) // a second program on the same store
		}
		wg.Go(func() {
			for turn, after := 0, 0; after < 5; turn++ {
				began := over.Load()
				err := n.visit(token, turn%2 == 0)
				switch {
				case err == nil && began:
					late.Add(1)
				case err == nil:
					accepted.Add(1)
				case !isEnded(err):
					t.Errorf("request: %v", err)
					return
				}
				if turn == 0 {
					started <- struct{}{}
				}
				if began {
					after++
				}
			}
		})
	}
	for range clients {
		<-started
	}
	end()
	over.Store(true)
	wg.Wait()
	if late.Load() > 0 {
		t.Errorf("%d requests accepted that began after the end was answered", late.Load())
	}
	if accepted.Load() == 0 {
		t.Error("no request was accepted before the end: the test shows nothing")
	}
	if w.alive(token) {
		t.Error("the session is alive again")
	}
}

func endAgainstRequestsInFlight(t *testing.T, w *world) {
	u := w.newUser()
	for range 15 {
		token, id := w.login(u)
		inFlight(t, w, token, func() {
			r, err := w.manager.End(context.Background(), []session.ID{id}, forced)
			must(t, err)
			if r.Ended != 1 {
				t.Errorf("receipt %+v, want 1 ended", r)
			}
		})
		w.mustBeEnded(token, session.Forced)
	}
	list, err := w.manager.List(context.Background(), u.ID)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%d sessions left in the list", len(list))
	}
}

func renewAgainstRequestsInFlight(t *testing.T, w *world) {
	u := w.newUser()
	for range 10 {
		token, _ := w.login(u)
		var next string
		inFlight(t, w, token, func() {
			ctx, err := w.cookies.Load(request(token))
			must(t, err)
			rec := httptest.NewRecorder()
			_, err = w.cookies.Renew(ctx, rec, u.Epoch)
			must(t, err)
			next = rec.Result().Cookies()[0].Value
		})
		w.mustBeEnded(token, session.Replaced)
		if !w.alive(next) {
			t.Error("the renewed session is not alive")
		}
	}
}

func disableAgainstRequestsInFlight(t *testing.T, w *world) {
	ctx := context.Background()
	for range 5 {
		u := w.newUser()
		token, _ := w.login(u)
		inFlight(t, w, token, func() {
			epoch, err := w.Users.Disable(ctx, u.ID, user.Change{At: w.clock.Now()})
			must(t, err)
			_, err = w.manager.EndUserAt(ctx, u.ID, epoch, "", session.Why{Reason: session.Disabled})
			must(t, err)
		})
		w.mustBeEnded(token, session.Disabled)
		if _, err := w.tryLogin(u, false); !errors.Is(err, session.ErrEpoch) {
			t.Errorf("log-in read before the account was shut: got %v, want ErrEpoch", err)
		}
	}
}

// An administrator ends a session in the moment in which it is renewed: the
// session does not slip away under its new name.
func endAgainstRenew(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	for range 30 {
		token, id := w.login(u)
		var next string
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, err := w.cookies.Load(request(token))
			if isEnded(err) {
				return
			}
			must(t, err)
			rec := httptest.NewRecorder()
			if _, err := w.cookies.Renew(ctx, rec, u.Epoch); isEnded(err) {
				return
			} else if err != nil {
				t.Error(err)
				return
			}
			next = rec.Result().Cookies()[0].Value
		})
		wg.Go(func() {
			r, err := w.manager.End(ctx, []session.ID{id}, forced)
			if err != nil || r.Ended != 1 {
				t.Errorf("end: %+v, %v; want 1 ended", r, err)
			}
		})
		wg.Wait()
		if w.alive(token) || next != "" && w.alive(next) {
			t.Fatal("the session lives on after its end")
		}
	}
}

// Another log-in has taken the place of a session while a request with it was on
// its way to renew it. Where a renewal is recorded before it is done, the two ends
// have the same reason, and only one of them lets the session go on.
func replacedIsNotRenewed(t *testing.T, w *world) {
	u := w.newUser()
	n := w.limited()
	var first string
	for range perUser {
		token, err := n.start(u, false)
		must(t, err)
		first = cmp.Or(first, token)
		w.clock.Advance(time.Second)
	}
	ctx, err := n.cookies.Load(request(first))
	must(t, err)
	_, err = n.start(u, true)
	must(t, err)
	if _, err := n.cookies.Renew(ctx, httptest.NewRecorder(), u.Epoch); !isEnded(err) {
		t.Errorf("renewal: got %v, want ended", err)
	}
	if left := w.living(u); left != perUser {
		t.Errorf("%d sessions live, want %d", left, perUser)
	}
}

func loginAgainstEndUser(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser() // as the log-in has read it
	_, err := w.manager.EndUser(ctx, u.ID, "", forced)
	must(t, err)
	if _, err := w.tryLogin(u, false); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("log-in that read the user before the end: got %v, want ErrEpoch", err)
	}
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) != 0 {
		t.Errorf("%d sessions, want none", len(list))
	}
	token, _ := w.login(w.read(u)) // and the next one is welcome
	if !w.alive(token) {
		t.Error("log-in after the end is refused")
	}
}

func loginAgainstEndAll(t *testing.T, w *world) {
	ctx := context.Background()
	u, v := w.newUser(), w.newUser()
	one, _ := w.login(u)
	two, _ := w.login(v)
	r, err := w.manager.EndAll(ctx, forced)
	must(t, err)
	if r.Ended != 2 {
		t.Errorf("ended %d, want 2", r.Ended)
	}
	w.mustBeEnded(one, session.Forced)
	w.mustBeEnded(two, session.Forced)
	if _, err := w.tryLogin(u, false); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("log-in that read the user before the end: got %v, want ErrEpoch", err)
	}
	token, _ := w.login(w.read(u))
	if !w.alive(token) {
		t.Error("log-in after the end is refused")
	}
}

func twoLoginsAgainstEndAll(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	for range 20 {
		begun := w.read(u)
		tokens := make([]string, 2)
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() {
				token, err := w.tryLogin(begun, false)
				if err != nil && !errors.Is(err, session.ErrEpoch) {
					t.Error(err)
				}
				tokens[i] = token
			})
		}
		wg.Go(func() {
			if _, err := w.manager.EndUser(ctx, u.ID, "", forced); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		for _, token := range tokens {
			if token != "" && w.alive(token) {
				t.Fatal("a log-in begun before the end is alive after it")
			}
		}
	}
}

func keptSessionOutlives(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	mine, keep := w.login(u)
	other, _ := w.login(u)
	for range 3 { // "log out others" pressed again never logs out yourself
		_, err := w.manager.EndUser(ctx, u.ID, keep, session.Why{Reason: session.Logout})
		must(t, err)
	}
	if !w.alive(mine) {
		t.Fatal("the kept session was ended")
	}
	w.mustBeEnded(other, session.Logout)
	must(t, w.visit(mine, true))
	w.clock.Advance(limits.Idle / 2)
	must(t, w.visit(mine, false))

	// A password change: the account raises the epoch, the session stays.
	epoch, err := w.Users.SetPassword(ctx, u.ID, "hash", "hash2", user.Change{Keep: string(keep), At: w.clock.Now()})
	must(t, err)
	if !w.alive(mine) {
		t.Fatal("the kept session was ended by the change of password")
	}
	_, err = w.manager.EndUserAt(ctx, u.ID, epoch, keep, session.Why{Reason: session.Password})
	must(t, err)
	if !w.alive(mine) {
		t.Fatal("the kept session was ended after the change of password")
	}
	// The kept session has moved on to the epoch: an end of everything before
	// it that arrives late, and knows of no exception, spares it.
	n, err := w.Store.EndUser(ctx, u.ID, epoch, "", forced, w.clock.Now())
	must(t, err)
	if n != 0 || !w.alive(mine) {
		t.Errorf("a late end of all before %v ended the session kept at it", epoch)
	}
	_, err = w.manager.EndUser(ctx, u.ID, "", forced)
	must(t, err)
	w.mustBeEnded(mine, session.Forced)
}

// Of two changes that both keep and then renew the session, the later epoch
// counts: the earlier cannot renew it back to an epoch that has been ended.
func renewWithAnOldEpoch(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	token, id := w.login(u)
	visit, err := w.cookies.Load(request(token))
	must(t, err)
	_, err = w.manager.EndUser(ctx, u.ID, id, forced)
	must(t, err)
	if _, err := w.cookies.Renew(visit, httptest.NewRecorder(), u.Epoch); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("renewal with an epoch that has been ended: got %v, want ErrEpoch", err)
	}
	if !w.alive(token) {
		t.Error("the refused renewal ended the session")
	}
}
