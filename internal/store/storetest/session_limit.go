package storetest

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

const perUser = 3

// limited returns a program that lets a user have perUser sessions.
func (w *world) limited() *node {
	few := limits
	few.PerUser = perUser
	m := session.NewManager(w.Store, w.Ledger, few, w.clock.Now)
	return &node{m, session.NewCookies(m, cookieName, false)}
}

// start logs u in and returns the token.
func (n *node) start(u user.User, replace bool) (token string, err error) {
	rec := httptest.NewRecorder()
	_, err = n.cookies.Start(context.Background(), rec, session.New{User: u, Replace: replace})
	if err != nil {
		return "", err
	}
	return rec.Result().Cookies()[0].Value, nil
}

// patientStart is start for somebody who, told that the store is too slow, tries
// again. (Nearly all of 100 at once wait, and a store may give up on some.)
func (n *node) patientStart(u user.User, replace bool) (token string, err error) {
	for range 100 {
		token, err = n.start(u, replace)
		if !errors.Is(err, session.ErrUnavailable) && !errors.Is(err, user.ErrBusy) {
			break
		}
	}
	return token, err
}

// rush lets 100 log-ins of u start at once on two programs, and looks all the
// while how many sessions there are. It returns the tokens of those let in, but
// not of one that the store had given up on and created all the same.
func (w *world) rush(u user.User, replace bool) (tokens []string) {
	const logins = 100
	nodes := []*node{w.limited(), w.limited()}
	over := make(chan struct{})
	var watch, rush sync.WaitGroup
	watch.Go(func() {
		for looks := 0; ; looks++ {
			select {
			case <-over:
				if looks == 0 {
					w.t.Error("nobody looked")
				}
				return
			default:
			}
			list, err := w.manager.List(context.Background(), u.ID)
			if err != nil && !errors.Is(err, session.ErrUnavailable) {
				w.t.Errorf("look: %v", err)
				return
			}
			if len(list) > perUser {
				w.t.Errorf("%d sessions live at once, %d may", len(list), perUser)
				return
			}
		}
	})
	var mu sync.Mutex
	for i := range logins {
		rush.Go(func() {
			token, err := nodes[i%len(nodes)].patientStart(u, replace)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				tokens = append(tokens, token)
			case replace || !errors.Is(err, session.ErrLimit):
				w.t.Errorf("log-in: %v", err)
			}
		})
	}
	rush.Wait()
	close(over)
	watch.Wait()
	return tokens
}

func (w *world) countAlive(tokens []string) (alive int) {
	for _, token := range tokens {
		if w.alive(token) {
			alive++
		}
	}
	return alive
}

// living returns how many sessions of u there are.
func (w *world) living(u user.User) int {
	w.t.Helper()
	list, err := w.manager.List(context.Background(), u.ID)
	must(w.t, err)
	return len(list)
}

func limitHolds(t *testing.T, w *world) {
	u := w.newUser()
	tokens := w.rush(u, false)
	if alive := w.countAlive(tokens); alive != len(tokens) || w.living(u) != perUser {
		t.Errorf("%d let in, %d of them and %d in all alive; want all alive and %d", len(tokens), alive, w.living(u), perUser)
	}
	// It still holds, and there is room for exactly those that end.
	more := w.rush(u, false)
	if len(more) != 0 {
		t.Errorf("%d let in at the limit", len(more))
	}
	_, err := w.manager.End(context.Background(), []session.ID{session.IDOf(tokens[0])}, forced)
	must(t, err)
	if more = w.rush(u, false); len(more) > 1 || w.living(u) != perUser {
		t.Errorf("%d let in where one had ended, and %d alive", len(more), w.living(u))
	}
}

// Everybody is let in, and as many are out as had to go: had one more been
// ended than needed, fewer would be left.
func limitReplaces(t *testing.T, w *world) {
	u := w.newUser()
	tokens := w.rush(u, true)
	if len(tokens) != 100 {
		t.Fatalf("%d of 100 let in", len(tokens))
	}
	// Each end is recorded once, or twice if both programs were after it.
	if head, err := w.Ledger.Head(context.Background()); err != nil || head > 300 {
		t.Errorf("%d rows in the ledger (%v) for 97 ends", head, err)
	}
	if left := w.living(u); left != perUser {
		t.Errorf("%d left, want %d", left, perUser)
	}
	for _, token := range tokens {
		if !w.alive(token) {
			w.mustBeEnded(token, session.Replaced)
		}
	}
	// The one that goes is the one seen longest ago.
	var seen []string
	for range perUser {
		w.clock.Advance(time.Minute)
		token, err := w.limited().start(u, true)
		must(t, err)
		seen = append(seen, token)
	}
	if got := w.countAlive(tokens); got != 0 {
		t.Errorf("%d older ones stayed", got)
	}
	w.clock.Advance(limits.Idle / 2)
	must(t, w.visit(seen[0], true))
	_, err := w.limited().start(u, true)
	must(t, err)
	w.mustBeEnded(seen[1], session.Replaced)
	if !w.alive(seen[0]) || !w.alive(seen[2]) {
		t.Error("another than the one seen longest ago made room")
	}
}

// Who has more than a limit that came later is let in again when all that are
// too many have gone, and the store names exactly them.
func limitLowered(t *testing.T, w *world) {
	u := w.newUser()
	var tokens []string
	var ids []session.ID
	for range perUser + 2 {
		w.clock.Advance(time.Minute)
		token, id := w.login(u)
		tokens, ids = append(tokens, token), append(ids, id)
	}
	_, err := w.limited().start(u, false)
	var full *session.LimitError
	if !errors.As(err, &full) || !slices.Equal(full.Oldest, ids[:3]) {
		t.Fatalf("got %v naming %v, want the limit naming %v", err, full, ids[:3])
	}
	if errors.Is(err, session.ErrUnavailable) {
		t.Error("an answer passes for an outage")
	}
	token, err := w.limited().start(u, true)
	must(t, err)
	if alive := w.countAlive(append(tokens[3:], token)); alive != perUser || w.countAlive(tokens[:3]) != 0 {
		t.Errorf("%d of the newest live, want %d", alive, perUser)
	}
}

func limitCountsTheLiving(t *testing.T, w *world) {
	u := w.newUser()
	n := w.limited()
	fill := func() (tokens []string) {
		t.Helper()
		for range perUser {
			token, err := n.start(u, false)
			must(t, err)
			tokens = append(tokens, token)
		}
		if _, err := n.start(u, false); !errors.Is(err, session.ErrLimit) {
			t.Fatalf("one too many: got %v, want ErrLimit", err)
		}
		return tokens
	}
	fill()
	w.clock.Advance(limits.Idle) // time has run out, and nobody has looked since
	tokens := fill()
	for _, token := range tokens {
		w.Corrupt(t, session.IDOf(token))
	}
	fill()
	_, err := n.manager.EndUser(context.Background(), u.ID, "", forced)
	must(t, err)
	if _, err := n.start(u, false); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("late for the epoch: got %v, want ErrEpoch", err)
	}
	// Too late is too late also where there is no room: nobody has to go.
	late := u
	u = w.read(u)
	fill()
	if _, err := n.start(late, true); !errors.Is(err, session.ErrEpoch) {
		t.Errorf("late, and no room: got %v, want ErrEpoch", err)
	}
	if left := w.living(u); left != perUser {
		t.Errorf("%d left after a log-in that came too late", left)
	}
}

func limitSpares(t *testing.T, w *world) {
	n := w.limited()
	u, v := w.newUser(), w.newUser()
	var token string
	for range perUser {
		var err error
		token, err = n.start(u, false)
		must(t, err)
	}
	if _, err := n.start(v, false); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	ctx, err := n.cookies.Load(request(token))
	must(t, err)
	if _, err := n.cookies.Renew(ctx, httptest.NewRecorder(), u.Epoch); err != nil {
		t.Errorf("renewal at the limit: %v", err)
	}
	if _, err := n.start(u, false); !errors.Is(err, session.ErrLimit) {
		t.Errorf("after a renewal: got %v, want ErrLimit", err)
	}
	if _, err := w.node.start(u, false); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// What is replaced is in the ledger before the store hears of it; and if the
// ledger is away nobody is let in in somebody else's place.
func limitReplacesLedgerFirst(t *testing.T, w *world) {
	u := w.newUser()
	ctx := context.Background()
	n := w.limited()
	var tokens []string
	for range perUser {
		w.clock.Advance(time.Second)
		token, err := n.start(u, false)
		must(t, err)
		tokens = append(tokens, token)
	}
	before, err := w.Ledger.Head(ctx)
	must(t, err)
	_, err = n.start(u, true)
	must(t, err)
	entries, err := w.Ledger.After(ctx, before, 10)
	must(t, err)
	if len(entries) != 1 || entries[0].Session != session.IDOf(tokens[0]) || entries[0].Why != (session.Why{Reason: session.Replaced, Actor: u.ID}) {
		t.Errorf("ledger: %+v, want the one end of the oldest", entries)
	}
	few := limits
	few.PerUser = perUser
	m := session.NewManager(w.Store, &watchedLedger{Ledger: w.Ledger, fail: session.ErrUnavailable}, few, w.clock.Now)
	unrecorded := &node{m, session.NewCookies(m, cookieName, false)}
	if _, err := unrecorded.start(u, true); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("ledger away: got %v, want ErrUnavailable", err)
	}
	if left := w.living(u); left != perUser {
		t.Errorf("%d sessions after a log-in that was refused, want %d", left, perUser)
	}
}
