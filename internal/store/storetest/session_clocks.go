package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// skewed returns a node whose clock differs from w's by skew.
func (w *world) skewed(skew time.Duration) *node {
	m := session.NewManager(w.Store, w.Ledger, limits, func() time.Time { return w.clock.Now().Add(skew) })
	return &node{m, session.NewCookies(m, cookieName, false)}
}

// endsFor reports whether n finds the session ended.
func (n *node) endsFor(t *testing.T, id session.ID) bool {
	t.Helper()
	_, err := n.manager.Check(context.Background(), id)
	var ended *session.EndedError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return err != nil
}

// clocksThatDisagree: a node whose clock is wrong ends sessions early or late by
// no more than that, and what one node has ended is ended for all.
func clocksThatDisagree(t *testing.T, w *world) {
	ctx := context.Background()
	const skew, moment = 30 * time.Minute, time.Second
	right, ahead, behind := w.node, w.skewed(skew), w.skewed(-skew)
	login := func(n *node, u user.User) session.ID {
		t.Helper()
		_, id := session.NewToken(u.ID)
		_, err := n.manager.Start(ctx, id, session.New{User: u}, nil)
		must(t, err)
		return id
	}
	in := func(what string, n *node, id session.ID) {
		t.Helper()
		if n.endsFor(t, id) {
			t.Errorf("%s: ended", what)
		}
	}
	out := func(what string, id session.ID, nodes ...*node) {
		t.Helper()
		for i, n := range nodes {
			if !n.endsFor(t, id) {
				t.Errorf("%s: alive on node %d", what, i)
			}
		}
	}

	// A node ahead ends early, by the skew at most, and then for all.
	id := login(right, w.newUser())
	w.clock.Advance(limits.Idle - skew - moment)
	in("earlier than the skew, a node ahead", ahead, id)
	w.clock.Advance(2 * moment)
	in("before the idle deadline, a right node", right, id)
	out("before the idle deadline, a node ahead", id, ahead, right, behind)

	// A node behind accepts late, by the skew at most. A right one ends for all.
	id, other := login(right, w.newUser()), login(right, w.newUser())
	w.clock.Advance(limits.Idle + moment)
	in("after the idle deadline, a node behind", behind, id)
	out("after the idle deadline, a right node first", other, right, behind, ahead)
	w.clock.Advance(skew)
	out("later than the skew, a node behind", id, behind, right)

	// Log-ins on a wrong node have its deadlines, and nobody moves the absolute one.
	for _, n := range []struct {
		name string
		*node
		skew time.Duration
	}{{"ahead", ahead, skew}, {"behind", behind, -skew}} {
		id := login(n.node, w.newUser())
		s, err := right.manager.Check(ctx, id)
		must(t, err)
		want := w.clock.Now().Add(n.skew + limits.Lifetime).Truncate(time.Millisecond)
		if !s.Deadline.Equal(want) {
			t.Errorf("log-in on the node %s: deadline %v, want %v", n.name, s.Deadline, want)
		}
		for _, toucher := range []*node{right, ahead, behind} {
			must(t, toucher.manager.Save(ctx, s, []byte("x")))
			moved, err := right.manager.Check(ctx, id)
			must(t, err)
			if !moved.Deadline.Equal(s.Deadline) || moved.LastSeen.Before(s.LastSeen) {
				t.Errorf("log-in on the node %s: activity moved the deadline to %v, last seen from %v to %v", n.name, moved.Deadline, s.LastSeen, moved.LastSeen)
			}
			s = moved
		}
		if latest := w.clock.Now().Add(skew); s.LastSeen.After(latest) {
			t.Errorf("last seen %v, later than the clock that is furthest ahead says, %v", s.LastSeen, latest)
		}
		w.clock.Advance(limits.Idle + skew)
		out("the idle time and the skew after the last visit", id, right, ahead, behind)
	}

	// Ends go by no clock.
	for _, n := range []*node{ahead, behind} {
		u := w.newUser()
		one, two := login(right, u), login(right, u)
		_, err := n.manager.End(ctx, []session.ID{one}, forced)
		must(t, err)
		out("ended on a wrong node", one, right, ahead, behind)
		_, err = n.manager.EndUser(ctx, u.ID, "", forced)
		must(t, err)
		out("all ended on a wrong node", two, right, ahead, behind)
		_, late := session.NewToken(u.ID)
		if _, err := right.manager.Start(ctx, late, session.New{User: u}, nil); !errors.Is(err, session.ErrEpoch) {
			t.Errorf("a log-in from before the end of all: %v", err)
		}
	}
}
