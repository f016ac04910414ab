package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func twoDeadlines(t *testing.T, w *world) {
	ctx := context.Background()
	for _, remember := range []bool{false, true} {
		idle, lifetime := limits.Idle, limits.Lifetime
		if remember {
			idle, lifetime = limits.RememberIdle, limits.RememberLifetime
		}
		u := w.newUser()
		login := func() string {
			t.Helper()
			token, err := w.tryLogin(u, remember)
			must(t, err)
			return token
		}

		unseen := login()
		w.clock.Advance(idle - time.Second)
		if !w.alive(unseen) {
			t.Errorf("remember=%v: ended before the idle deadline", remember)
		}
		w.clock.Advance(2 * time.Second)
		w.mustBeEnded(unseen, session.Expired)

		busy := login()
		before, err := w.manager.Check(ctx, session.IDOf(busy))
		must(t, err)
		for seen := time.Duration(0); seen+idle/2 < lifetime; seen += idle / 2 {
			w.clock.Advance(idle / 2)
			must(t, w.visit(busy, false))
		}
		after, err := w.manager.Check(ctx, session.IDOf(busy))
		must(t, err)
		if !after.Deadline.Equal(before.Deadline) {
			t.Errorf("remember=%v: activity moved the absolute deadline from %v to %v", remember, before.Deadline, after.Deadline)
		}
		rec := httptest.NewRecorder()
		visit, err := w.cookies.Load(request(busy))
		must(t, err)
		renewed, err := w.cookies.Renew(visit, rec, u.Epoch)
		must(t, err)
		if !renewed.Deadline.Equal(before.Deadline) {
			t.Errorf("remember=%v: a new token moved the absolute deadline", remember)
		}
		w.clock.Advance(before.Deadline.Sub(w.clock.Now()) + time.Millisecond)
		w.mustBeEnded(rec.Result().Cookies()[0].Value, session.Expired)
	}
}

// countingStore counts calls that write.
type countingStore struct {
	session.Store
	writes atomic.Int64
}

func (c *countingStore) Save(ctx context.Context, s session.Session, data []byte, now time.Time) error {
	c.writes.Add(1)
	return c.Store.Save(ctx, s, data, now)
}

func (c *countingStore) Touch(ctx context.Context, s session.Session, now time.Time) error {
	c.writes.Add(1)
	return c.Store.Touch(ctx, s, now)
}

func (c *countingStore) Start(ctx context.Context, s session.Start) error {
	c.writes.Add(1)
	return c.Store.Start(ctx, s)
}

func (c *countingStore) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (int, error) {
	c.writes.Add(1)
	return c.Store.End(ctx, ids, why, now)
}

func touchesAreRare(t *testing.T, w *world) {
	store := &countingStore{Store: w.Store}
	n := w.newNode(store)
	token, _ := w.login(w.newUser())
	for range 100 { // an hour of requests, one every 36 s: idle/100 apart
		w.clock.Advance(limits.Idle / 100)
		must(t, n.visit(token, false))
	}
	if got := store.writes.Load(); got != 20 {
		t.Errorf("%d writes in one idle time, want 20 (one per idle/20)", got)
	}
}

func lateTouchRevivesNothing(t *testing.T, w *world) {
	ctx := context.Background()
	token, id := w.login(w.newUser())
	s, err := w.manager.Check(ctx, id)
	must(t, err)
	early := w.clock.Now().Add(limits.Idle - time.Millisecond) // a request that began in time …
	w.clock.Advance(limits.Idle + time.Second)
	w.mustBeEnded(token, session.Expired) // … and is still under way when another is told "ended"
	if err := w.Store.Touch(ctx, s, early); !isEnded(err) {
		t.Errorf("touch after the expiry was answered: got %v, want ended", err)
	}
	if err := w.Store.Save(ctx, s, nil, early); !isEnded(err) {
		t.Errorf("save after the expiry was answered: got %v, want ended", err)
	}
	w.mustBeEnded(token, session.Expired)

	// Nobody asked meanwhile: past its deadline a session is still not touched.
	_, id = w.login(w.newUser())
	s, err = w.manager.Check(ctx, id)
	must(t, err)
	w.clock.Advance(limits.Idle)
	if err := w.Store.Touch(ctx, s, w.clock.Now()); !isEnded(err) {
		t.Errorf("touch at the deadline: got %v, want ended", err)
	}
}

func newToken(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	first, firstID := w.login(u)
	visit, err := w.cookies.Load(request(first))
	must(t, err)
	w.cookies.Put(visit, "flash", "kept")
	rec := httptest.NewRecorder()
	s, err := w.cookies.Renew(visit, rec, u.Epoch)
	must(t, err)
	must(t, w.cookies.Commit(visit)) // nothing left to write under the old name
	second := rec.Result().Cookies()[0].Value
	if second == first || s.ID != session.IDOf(second) {
		t.Error("the token is not new")
	}
	w.mustBeEnded(first, session.Replaced)
	visit, err = w.cookies.Load(request(second))
	must(t, err)
	if got := w.cookies.PopString(visit, "flash"); got != "kept" {
		t.Errorf("data after the renewal: %q", got)
	}
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) != 1 || list[0].ID != s.ID {
		t.Errorf("listed after the renewal: %v", list)
	}
	// Who ends the session by the id it had ends it under the one it has.
	r, err := w.manager.End(ctx, []session.ID{firstID}, forced)
	must(t, err)
	if r.Ended != 1 {
		t.Errorf("end by the old id: %+v, want 1 ended", r)
	}
	w.mustBeEnded(second, session.Forced)
}

func storeHoldsNoToken(t *testing.T, w *world) {
	token, id := w.login(w.newUser())
	must(t, w.visit(token, true))
	dump := w.Dump(t)
	secret, err := base64.RawURLEncoding.DecodeString(token)
	must(t, err)
	if bytes.Contains(dump, []byte(token)) || bytes.Contains(dump, secret) {
		t.Error("the store holds the token")
	}
	if sum, _ := id.Sum(); !bytes.Contains(dump, []byte(id)) && !bytes.Contains(dump, sum[:]) {
		t.Error("the dump does not hold the session id: the test shows nothing")
	}
	// What a thief of the store finds opens nothing.
	if _, err := w.cookies.Load(request(string(id))); !isEnded(err) {
		t.Errorf("the session id used as a token: got %v, want ended", err)
	}
}

func saveKeepsData(t *testing.T, w *world) {
	ctx := context.Background()
	token, id := w.login(w.newUser())
	before, err := w.manager.Check(ctx, id)
	must(t, err)
	w.clock.Advance(time.Second)
	visit, err := w.cookies.Load(request(token))
	must(t, err)
	w.cookies.Put(visit, "text", "한글 \x00 text")
	must(t, w.cookies.Commit(visit))
	w.clock.Advance(limits.Idle / 2)
	must(t, w.visit(token, false)) // a touch leaves the data alone
	visit, err = w.cookies.Load(request(token))
	must(t, err)
	if got := w.cookies.PopString(visit, "text"); got != "한글 \x00 text" {
		t.Errorf("data: %q", got)
	}
	must(t, w.cookies.Commit(visit))
	visit, err = w.cookies.Load(request(token))
	must(t, err)
	if got := w.cookies.PopString(visit, "text"); got != "" {
		t.Errorf("data after it was taken out: %q", got)
	}
	after, err := w.manager.Check(ctx, id)
	must(t, err)
	if !after.LastSeen.Equal(w.clock.Now().Truncate(time.Millisecond)) || !after.Deadline.Equal(before.Deadline) {
		t.Errorf("last seen %v, deadline %v", after.LastSeen, after.Deadline)
	}
	// A slow request with an older clock does not move last-seen back.
	must(t, w.Store.Touch(ctx, after, before.LastSeen))
	again, err := w.manager.Check(ctx, id)
	must(t, err)
	if !again.LastSeen.Equal(after.LastSeen) {
		t.Error("last-seen moved back")
	}
}

func recordSurvives(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	now := w.clock.Now().Truncate(time.Millisecond)
	for name, s := range map[string]session.Session{
		"all fields": {
			Role: user.RoleAdmin, Remember: true, IP: netip.MustParseAddr("2001:db8::1"),
			Device: session.Device{Browser: "NAVER", OS: "Android"}, Data: []byte{0, 1, 2, 0xff},
			Carrier: session.Bearer, Client: "백업 backup 1.2",
			Refresh: session.Refresh{Generation: 3, Rotated: now, Hash: [32]byte{1}, Previous: [32]byte{2, 0}, Nonce: [16]byte{0, 3}},
		},
		"few fields": {Role: user.RoleUser, Carrier: session.Cookie},
	} {
		_, s.ID = session.NewToken(u.ID)
		s.User, s.Username, s.Epoch = u.ID, u.Username, u.Epoch
		s.Began, s.LastSeen, s.Idle, s.Deadline = now, now, limits.Idle, now.Add(limits.Lifetime)
		must(t, w.Store.Start(ctx, session.Start{Session: s}))
		got, err := w.Store.Find(ctx, s.ID)
		must(t, err)
		opts := cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)}
		if diff := cmp.Diff(s, got, opts); diff != "" {
			t.Errorf("%s (-stored +found):\n%s", name, diff)
		}
	}
}
