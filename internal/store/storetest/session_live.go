package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// soon is a generous bound for what takes milliseconds; look is how often the
// hubs of tests look, and never how often those that must not need to.
const (
	soon  = 20 * time.Second
	look  = 100 * time.Millisecond
	never = time.Hour
)

// hub runs a hub of n until the test ends. It returns once events are heard.
func (w *world) hub(n *node, events session.Events, every time.Duration) *session.Hub {
	w.t.Helper()
	h := session.NewHub(n.manager, every)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx, events) })
	w.t.Cleanup(func() { stop(); running.Wait() })
	return h
}

// listen opens a stream for the session of a new log-in.
func (w *world) listen(h *session.Hub, id session.ID) *session.Stream {
	w.t.Helper()
	s, err := w.manager.Check(context.Background(), id)
	must(w.t, err)
	stream, err := h.Listen(s)
	must(w.t, err)
	w.t.Cleanup(stream.Close)
	return stream
}

func (w *world) hears(s *session.Stream, want session.Reason) {
	w.t.Helper()
	select {
	case got := <-s.Ended():
		if got != want {
			w.t.Errorf("heard %q, want %q", got, want)
		}
	case <-time.After(soon):
		w.t.Fatalf("heard nothing within %v, want %q", soon, want)
	}
}

// heard is Events that say when they are listened to.
type heard struct {
	session.Events
	begun chan struct{}
	once  sync.Once
}

func (e *heard) Listen(ctx context.Context, ended func(session.ID, session.Reason), missed func()) {
	e.Events.Listen(ctx, func(id session.ID, why session.Reason) {
		e.once.Do(func() { close(e.begun) })
		ended(id, why)
	}, missed)
}

// running runs a hub that never looks, and returns when its news arrive: ends
// of sessions nobody minds are made until one has been heard of.
func (w *world) running(n *node) *session.Hub {
	w.t.Helper()
	events := &heard{Events: w.Events, begun: make(chan struct{})}
	h := w.hub(n, events, never)
	for deadline := time.Now().Add(soon); ; {
		_, id := w.login(w.newUser())
		_, err := w.manager.End(context.Background(), []session.ID{id}, forced)
		must(w.t, err)
		select {
		case <-events.begun:
			return h
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			w.t.Fatal("no news at all")
		}
	}
}

// One end on one node reaches the streams on the other, whatever way it was
// ended, without anybody looking.
func streamsHear(t *testing.T, w *world) {
	ctx := context.Background()
	other := w.newNode(w.Store)
	h := w.running(other)

	u := w.newUser()
	_, one := w.login(u)
	_, kept := w.login(u)
	_, third := w.login(u)
	a, b, c := w.listen(h, one), w.listen(h, kept), w.listen(h, third)
	also := w.listen(h, one) // another stream of the same session
	_, err := w.manager.End(ctx, []session.ID{one}, forced)
	must(t, err)
	w.hears(a, session.Forced)
	w.hears(also, session.Forced)

	_, err = w.manager.EndUser(ctx, u.ID, kept, session.Why{Reason: session.Password})
	must(t, err)
	w.hears(c, session.Password)

	// A new token: the old one's streams hear that it was replaced, by none of
	// the successor's names.
	s, err := w.manager.Check(ctx, kept)
	must(t, err)
	_, renewed := session.NewToken(s.User)
	_, err = w.manager.Renew(ctx, s, renewed, s.Epoch, nil)
	must(t, err)
	w.hears(b, session.Replaced)

	// An end by way of the old token reaches the new one.
	next := w.listen(h, renewed)
	_, err = w.manager.End(ctx, []session.ID{kept}, session.Why{Reason: session.Logout})
	must(t, err)
	w.hears(next, session.Logout)

	_, everyone := w.login(w.newUser())
	d := w.listen(h, everyone)
	_, err = w.manager.EndAll(ctx, forced)
	must(t, err)
	w.hears(d, session.Forced)

	_, late := w.login(w.newUser())
	e := w.listen(h, late)
	w.clock.Advance(limits.Idle)
	if _, err := w.manager.Check(ctx, late); !isEnded(err) {
		t.Fatalf("after the idle time: %v, want ended", err)
	}
	w.hears(e, session.Expired)
}

// deaf is Events all of whose news is lost.
type deaf struct{}

func (deaf) Listen(ctx context.Context, _ func(session.ID, session.Reason), _ func()) { <-ctx.Done() }

// News that is lost is made up for by looking, and looking keeps nobody in.
func lostNewsIsMadeUpFor(t *testing.T, w *world) {
	ctx := context.Background()
	h := w.hub(w.newNode(w.Store), deaf{}, look)
	u := w.newUser()
	_, one := w.login(u)
	_, idle := w.login(u)
	_, raised := w.login(w.newUser())
	a, b, c := w.listen(h, one), w.listen(h, idle), w.listen(h, raised)
	_, err := w.manager.End(ctx, []session.ID{one}, forced)
	must(t, err)
	w.hears(a, session.Forced)

	w.clock.Advance(limits.Idle / 2)
	before, err := w.Store.Find(ctx, idle)
	must(t, err)
	time.Sleep(3 * look)
	after, err := w.Store.Find(ctx, idle)
	must(t, err)
	if !after.LastSeen.Equal(before.LastSeen) {
		t.Errorf("an open stream moved the idle deadline by %v", after.LastSeen.Sub(before.LastSeen))
	}
	select {
	case why := <-b.Ended():
		t.Errorf("a live session's stream heard %q", why)
	default:
	}

	_, err = w.manager.EndAll(ctx, session.Why{Reason: session.Forced})
	must(t, err)
	w.hears(c, session.Forced)
	w.hears(b, session.Forced)

	// Nobody ends a session whose time runs out: the looks find it.
	_, late := w.login(w.read(u))
	d := w.listen(h, late)
	w.clock.Advance(limits.Idle)
	w.hears(d, session.Expired)
}
