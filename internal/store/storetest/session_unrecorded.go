package storetest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// recordLater lets m try once.
func recordLater(m *session.Manager) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	m.RecordLater(stopped)
}

// unrecordedEndsAreKept: while the ledger is away ends are done, and answered as
// what they are. As soon as it answers it gets them: these sessions, for these
// reasons, and nothing that could reach any other.
func unrecordedEndsAreKept(t *testing.T, w *world) {
	ctx := context.Background()
	ledger := &watchedLedger{Ledger: w.Ledger, fail: session.ErrUnavailable}
	m := session.NewManager(w.Store, ledger, limits, w.clock.Now)
	logout := session.Why{Reason: session.Logout, Actor: user.NewID()}
	want := map[session.ID]session.Why{}
	var tokens []string
	login := func(u user.User, why session.Why) session.ID {
		token, id := w.login(u)
		want[id] = why
		tokens = append(tokens, token)
		return id
	}
	unfinished := func(what string, ended int, r session.Receipt, err error) {
		t.Helper()
		var half *session.EndError
		if !errors.As(err, &half) || !errors.Is(err, session.ErrUnrecorded) || !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("end of %s: %v, want ErrUnrecorded", what, err)
		}
		if r.Ended != ended || half.Receipt.Ended != ended || half.Kept < ended {
			t.Errorf("end of %s: receipt %+v, error %+v, want %d ended and kept", what, r, half, ended)
		}
	}
	a, b := w.newUser(), w.newUser()
	at := w.clock.Now()
	one := login(a, logout)
	r, err := m.End(ctx, []session.ID{one}, logout)
	unfinished("one", 1, r, err)
	r, err = m.End(ctx, []session.ID{one}, logout) // repeating it is harmless
	unfinished("one, again", 0, r, err)
	login(a, forced)
	login(a, forced)
	kept, keep := w.login(a)
	r, err = m.EndUser(ctx, a.ID, keep, forced)
	unfinished("a user", 2, r, err)
	login(b, forced)
	r, err = m.EndWhere(ctx, session.Filter{User: b.ID, Device: "Chrome"}, forced)
	unfinished("a filter", 1, r, err)
	if m.Unrecorded() != 4 {
		t.Errorf("%d sessions are kept, want 4", m.Unrecorded())
	}
	recordLater(m) // still away
	if m.Unrecorded() != 4 {
		t.Errorf("%d sessions are kept after a try in vain, want 4", m.Unrecorded())
	}
	fresh, _ := w.login(b)

	before, err := w.Ledger.Head(ctx)
	must(t, err)
	ledger.fail = nil
	till := w.clock.Now()
	w.clock.Advance(time.Minute)
	recordLater(m)
	if m.Unrecorded() != 0 {
		t.Errorf("%d sessions are kept when all should be recorded", m.Unrecorded())
	}
	entries, err := w.Ledger.After(ctx, before, 100)
	must(t, err)
	if len(entries) != len(want) {
		t.Errorf("%d entries in the ledger, want %d", len(entries), len(want))
	}
	for _, e := range entries {
		if e.User != "" || e.Why != want[e.Session] || e.At.UnixMilli() < at.UnixMilli() || e.At.After(till) {
			t.Errorf("entry %+v, want a session's end for %+v when it was", e, want[e.Session])
		}
	}
	for _, token := range tokens {
		if w.alive(token) {
			t.Error("a session has come back")
		}
	}
	if !w.alive(kept) || !w.alive(fresh) {
		t.Error("a session was ended that nobody had ended")
	}
	if w.read(a).Epoch != a.Epoch || w.read(b).Epoch != b.Epoch {
		t.Error("an epoch was raised")
	}

	// Everyone, last.
	ledger.fail = session.ErrUnavailable
	r, err = m.EndAll(ctx, forced)
	unfinished("everyone", 2, r, err)
	if w.alive(kept) || w.alive(fresh) {
		t.Error("not everybody was put out")
	}
	third, _ := w.login(w.read(b))
	ledger.fail = nil
	recordLater(m)
	if !w.alive(third) {
		t.Error("an end of everyone, recorded later, has hit who came after it")
	}
}

// failingStore fails at the End after the first few.
type failingStore struct {
	session.Store
	ends int
}

func (s *failingStore) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (int, error) {
	if s.ends--; s.ends < 0 {
		return 0, session.ErrUnavailable
	}
	return s.Store.End(ctx, ids, why, now)
}

// halfAnEndSaysWhichHalf: whatever fails, the error tells what has been done.
func halfAnEndSaysWhichHalf(t *testing.T, w *world) {
	ctx := context.Background()
	const many = 600 // more than an end by filter does at once
	u := w.newUser()
	for range many {
		w.login(u)
	}
	store := &failingStore{Store: w.Store, ends: 1}
	ledger := &watchedLedger{Ledger: w.Ledger}
	m := session.NewManager(store, ledger, limits, w.clock.Now)
	f := session.Filter{Role: user.RoleUser}
	r, err := m.EndWhere(ctx, f, forced)
	if !errors.Is(err, session.ErrUnfinished) || r.Ended == 0 || r.Ended == many {
		t.Errorf("store away in the middle: %+v, %v, want ErrUnfinished", r, err)
	}
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) != many-r.Ended {
		t.Errorf("%d sessions are left of %d, the receipt says that %d ended", len(list), many, r.Ended)
	}
	if _, err = m.End(ctx, []session.ID{list[0].ID}, forced); !errors.Is(err, session.ErrUndone) || !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("store away: %v, want ErrUndone", err)
	}
	ledger.fail = session.ErrUnavailable
	if _, err = m.End(ctx, []session.ID{list[0].ID}, forced); !errors.Is(err, session.ErrUnfinished) {
		t.Errorf("both away: %v, want ErrUnfinished", err)
	}
	if _, err = m.EndUser(ctx, u.ID, "", forced); !errors.Is(err, session.ErrUnfinished) {
		t.Errorf("both away, user: %v, want ErrUnfinished", err)
	}
	if m.Unrecorded() != 0 {
		t.Errorf("%d ends are kept that nobody has done", m.Unrecorded())
	}
	store.ends, ledger.fail = 1000, nil
	if r, err = m.EndWhere(ctx, f, forced); err != nil || r.Ended != len(list) { // repeating it finishes it
		t.Errorf("again: %+v, %v, want %d ended", r, err, len(list))
	}
}

// endsAreLogged: each end, by the beginning of the session's id and no more.
func endsAreLogged(t *testing.T, w *world) {
	ctx := context.Background()
	var log bytes.Buffer
	m := session.NewManager(w.Store, w.Ledger, limits, w.clock.Now)
	m.LogTo(slog.New(slog.NewTextHandler(&log, nil)))
	u := w.newUser()
	ends := map[string]func(session.ID) error{
		"one":     func(id session.ID) error { return second2(m.End(ctx, []session.ID{id}, forced)) },
		"filter":  func(session.ID) error { return second2(m.EndWhere(ctx, session.Filter{Device: "Chrome"}, forced)) },
		"expired": func(id session.ID) error { w.clock.Advance(limits.Idle); return expired(m.Check(ctx, id)) },
		"corrupt": func(id session.ID) error { w.Corrupt(t, id); return expired(m.Check(ctx, id)) },
	}
	for what, end := range ends {
		log.Reset()
		token, id := w.login(u)
		must(t, end(id))
		if !strings.Contains(log.String(), id.Short()) {
			t.Errorf("%s: the log does not say so: %s", what, log.String())
		}
		if strings.Contains(log.String(), string(id)) || strings.Contains(log.String(), token) {
			t.Errorf("%s: the log says too much: %s", what, log.String())
		}
	}
	log.Reset()
	w.login(u)
	must(t, second2(m.EndUser(ctx, u.ID, "", forced)))
	if !strings.Contains(log.String(), string(u.ID)) || !strings.Contains(log.String(), "ended=1") {
		t.Errorf("user: %s", log.String())
	}
}

func second2(_ session.Receipt, err error) error { return err }

// expired turns the answer about an ended session into nil.
func expired(_ session.Session, err error) error {
	if isEnded(err) {
		return nil
	}
	return errors.Join(errors.New("not ended"), err)
}

// forgetfulStore has lost every end by the time that it answers.
type forgetfulStore struct{ session.Store }

func (forgetfulStore) End(_ context.Context, ids []session.ID, _ session.Why, _ time.Time) (int, error) {
	return len(ids), nil
}

// unrecordedEndsAreNotRefreshed: an end that the store has lost before the ledger
// was told of it holds on the node that keeps it, for either token.
func unrecordedEndsAreNotRefreshed(t *testing.T, w *world) {
	ctx := context.Background()
	ledger := &watchedLedger{Ledger: w.Ledger}
	m := session.NewManager(forgetfulStore{w.Store}, ledger, limits, w.clock.Now, session.WithRefreshKey([32]byte{1}))
	s, refresh, err := m.StartBearer(ctx, session.New{User: w.newUser()})
	must(t, err)
	ledger.fail = session.ErrUnavailable
	if _, err := m.End(ctx, []session.ID{s.ID}, forced); !errors.Is(err, session.ErrUnrecorded) {
		t.Fatalf("end: %v, want ErrUnrecorded", err)
	}
	var ended *session.EndedError
	if _, err := m.Check(ctx, s.ID); !errors.As(err, &ended) || ended.Reason != session.Forced {
		t.Errorf("check: %v, want ended by force", err)
	}
	if _, _, err := m.Refresh(ctx, refresh); !errors.As(err, &ended) || ended.Reason != session.Forced {
		t.Errorf("refresh: %v, want ended by force", err)
	}
}
