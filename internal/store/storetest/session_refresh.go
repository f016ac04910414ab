package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// refreshTests hold a backend to what the contract says of refresh tokens.
var refreshTests = []sessionTest{
	{"Refresh_100AtOnce", refreshAtOnce},
	{"Refresh_DroppedResponses", refreshDropped},
	{"Refresh_ReplayOfAnOlderGeneration", refreshReplayed},
	{"Refresh_PreviousAfterTheGrace", refreshAfterGrace},
	{"Refresh_ForgedEndsNothing", refreshForged},
	{"Refresh_StoreThatHasForgotten", refreshForgotten},
	{"Refresh_CookieHasNone", refreshOfCookie},
	{"Refresh_TouchesLikeAnyRequest", refreshTouches},
	{"Refresh_KeptByOtherWrites", refreshKept},
	{"Refresh_NewIDNewToken", refreshRenewed},
	{"Refresh_ShowsInListAndFilter", refreshListed},
	{"I1_RefreshRevivesNothing", refreshRevivesNothing},
	{"I1_EndAgainstRefresh", endAgainstRefresh},
	{"I2_ReuseIsRecordedFirst", reuseIsRecordedFirst},
	{"I2_ReuseWithoutLedger", reuseWithoutLedger},
	{"I7_StoreHoldsNoRefreshToken", storeHoldsNoRefreshToken},
	{"I8_RefreshKeepsDeadlines", refreshKeepsDeadlines},
	{"I10_StreamsHearOfReuse", streamsHearOfReuse},
	{"I12_RefreshOfUnreadable", refreshOfUnreadable},
}

// refreshTestKey is what all nodes of the tests share.
var refreshTestKey = sha256.Sum256([]byte("the nodes' key"))

// newManager returns a manager as a node has it, beside the given ledger.
func (w *world) newManager(store session.Store, ledger session.Ledger) *session.Manager {
	return session.NewManager(store, ledger, limits, w.clock.Now, session.WithRefreshKey(refreshTestKey))
}

// loginBearer starts a session for a client and returns it with its first
// refresh token.
func (w *world) loginBearer(u user.User) (session.Session, string) {
	w.t.Helper()
	s, token, err := w.manager.StartBearer(context.Background(), session.New{
		User: u, IP: netip.MustParseAddr("192.0.2.7"), Client: "backup of the shop",
	})
	must(w.t, err)
	return s, token
}

// refresh spends a token that has to be good and returns its successor.
func (w *world) refresh(token string) string {
	w.t.Helper()
	next, err := refreshOn(w.node, token)
	must(w.t, err)
	return next
}

// refreshOn spends a token as a client does: one that is told that the store does
// not answer, as on a machine with too much to do, shows the token again.
func refreshOn(n *node, token string) (next string, err error) {
	for end := time.Now().Add(soon); ; {
		_, next, err = n.manager.Refresh(context.Background(), token)
		if !errors.Is(err, session.ErrUnavailable) || time.Now().After(end) {
			return next, err
		}
	}
}

// aliveID reports whether the session lives; any answer but "yes" and "ended"
// fails the test.
func (w *world) aliveID(id session.ID) bool {
	w.t.Helper()
	_, err := w.manager.Check(context.Background(), id)
	if err != nil && !isEnded(err) {
		w.t.Fatalf("check: %v", err)
	}
	return err == nil
}

// wantRefused says that the token has to be refused because its session has
// ended for that reason.
func (w *world) wantRefused(token string, why session.Reason) {
	w.t.Helper()
	s, next, err := w.manager.Refresh(context.Background(), token)
	var ended *session.EndedError
	if !errors.As(err, &ended) || ended.Reason != why || next != "" || s.ID != "" {
		w.t.Errorf("refresh: %q, %v, want ended because %q", next, err, why)
	}
}

// A client that asks a hundred times at once, on two nodes, is given one and the
// same successor, and stays in.
func refreshAtOnce(t *testing.T, w *world) {
	ctx := context.Background()
	const clients = 100
	nodes := []*node{w.node, w.newNode(w.Store)}
	s, token := w.loginBearer(w.newUser())
	for round := range 3 { // also with a token that is a successor itself
		answers := make([]string, clients)
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range clients {
			wg.Go(func() {
				<-begin
				var err error
				if answers[i], err = refreshOn(nodes[i%2], token); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			})
		}
		close(begin)
		wg.Wait()
		for i, next := range answers {
			if next != answers[0] || next == token || next == "" {
				t.Fatalf("round %d: client %d has another successor than client 0, or none", round, i)
			}
		}
		now, err := w.Store.Find(ctx, s.ID)
		must(t, err)
		if want := uint32(round + 2); now.Refresh.Generation != want {
			t.Fatalf("round %d: generation %d, want %d: not exactly one rotation", round, now.Refresh.Generation, want)
		}
		token = answers[0]
	}
	w.refresh(token) // and it opens
}

// An answer that does not arrive costs nothing: the same token brings the same
// successor again, on whatever node, until the grace is over; also if the caller
// has gone away in the middle.
func refreshDropped(t *testing.T, w *world) {
	ctx := context.Background()
	other := w.newNode(w.Store)
	_, token := w.loginBearer(w.newUser())
	for i := range 100 {
		lost := w.refresh(token)
		w.clock.Advance(session.RefreshGrace - time.Millisecond)
		next, err := refreshOn(other, token)
		if err != nil || next != lost {
			t.Fatalf("retry %d: %v; the same successor: %v", i, err, next == lost)
		}
		token = next
	}
	for i := range 50 {
		hurried, cancel := context.WithTimeout(ctx, time.Duration(i)*50*time.Microsecond)
		_, lost, err := w.manager.Refresh(hurried, token)
		cancel()
		next, again := refreshOn(other, token)
		if again != nil || err == nil && next != lost {
			t.Fatalf("retry after a caller went away (%v): %v", err, again)
		}
		token = next
	}
}

// A generation that the store does not know yet is one that it has forgotten, as
// Redis may after a crash. It is refused, and its session left alone.
func refreshForgotten(t *testing.T, w *world) {
	ctx := context.Background()
	s, token := w.loginBearer(w.newUser())
	for _, generation := range []uint32{2, 3, 1<<32 - 1} {
		if _, err := w.Store.Rotate(ctx, w.useOf(s.ID, generation, "x")); !errors.Is(err, session.ErrToken) {
			t.Errorf("generation %d of 1: %v, want ErrToken", generation, err)
		}
	}
	w.refresh(token)
}

// A session in a cookie has no refresh token, so none of it can have been stolen.
func refreshOfCookie(t *testing.T, w *world) {
	ctx := context.Background()
	token, id := w.login(w.newUser())
	for generation := range uint32(3) {
		if _, err := w.Store.Rotate(ctx, w.useOf(id, generation, "x")); !errors.Is(err, session.ErrToken) {
			t.Errorf("generation %d: %v, want ErrToken", generation, err)
		}
	}
	if !w.alive(token) {
		t.Error("the session has ended")
	}
	s, err := w.manager.Check(ctx, id)
	must(t, err)
	if s.Carrier != session.Cookie || s.Refresh != (session.Refresh{}) {
		t.Errorf("carrier %q, refresh %+v", s.Carrier, s.Refresh)
	}
}

// A refresh counts as being seen and leaves the rest of the record alone.
func refreshTouches(t *testing.T, w *world) {
	ctx := context.Background()
	s, token := w.loginBearer(w.newUser())
	must(t, w.manager.Save(ctx, s, []byte("data \x00 of a handler")))
	before, err := w.Store.Find(ctx, s.ID)
	must(t, err)
	w.clock.Advance(limits.Idle / 2)
	rotated, next, err := w.manager.Refresh(ctx, token)
	must(t, err)
	after, err := w.Store.Find(ctx, s.ID)
	must(t, err)
	now := w.clock.Now().Truncate(time.Millisecond)
	if !after.LastSeen.Equal(now) || !rotated.LastSeen.Equal(now) || !after.Deadline.Equal(before.Deadline) {
		t.Errorf("last seen %v and %v, want %v; deadline %v, want %v", after.LastSeen, rotated.LastSeen, now, after.Deadline, before.Deadline)
	}
	if rotated.Refresh.Nonce != after.Refresh.Nonce || rotated.Refresh.Hash != after.Refresh.Hash || rotated.Refresh.Generation != 2 {
		t.Errorf("returned %+v, stored %+v", rotated.Refresh, after.Refresh)
	}
	if !bytes.Equal(after.Data, before.Data) || after.Client != before.Client || after.User != before.User ||
		after.Username != before.Username || after.Role != before.Role || after.Carrier != session.Bearer || after.IP != before.IP ||
		!after.Began.Equal(before.Began) || after.Epoch != before.Epoch || rotated.User != before.User {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
	w.clock.Advance(limits.Idle - time.Millisecond) // seen at the refresh, so it lives
	if !w.aliveID(s.ID) {
		t.Error("ended in spite of the refresh")
	}
	w.refresh(next)
	// A node whose clock is behind does not move last-seen back.
	current, err := w.Store.Find(ctx, s.ID)
	must(t, err)
	x := w.useOf(s.ID, current.Refresh.Generation, "")
	x.Hash, x.Now = current.Refresh.Hash, before.Began
	slow, err := w.Store.Rotate(ctx, x)
	must(t, err)
	if stored, err := w.Store.Find(ctx, s.ID); err != nil || !slow.LastSeen.Equal(current.LastSeen) || !stored.LastSeen.Equal(current.LastSeen) {
		t.Errorf("last seen %v and %v, was %v; %v", slow.LastSeen, stored.LastSeen, current.LastSeen, err)
	}
}

// Everything else that writes a session leaves its refresh token as it is.
func refreshKept(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	s, token := w.loginBearer(u)
	want := s.Refresh
	for name, write := range map[string]func() error{
		"touch":        func() error { return w.Store.Touch(ctx, s, w.clock.Now()) },
		"save":         func() error { return w.Store.Save(ctx, s, []byte("data"), w.clock.Now()) },
		"shorter data": func() error { return w.Store.Save(ctx, s, nil, w.clock.Now()) },
		"end of others": func() error {
			_, err := w.manager.EndUser(ctx, u.ID, s.ID, forced)
			return err
		},
	} {
		w.clock.Advance(limits.Idle / 10)
		must(t, write())
		got, err := w.manager.Check(ctx, s.ID)
		must(t, err)
		if got.Refresh.Generation != want.Generation || got.Refresh.Hash != want.Hash || !got.Refresh.Rotated.Equal(want.Rotated) ||
			got.Carrier != session.Bearer || got.Client != s.Client {
			t.Errorf("after %s: %+v", name, got)
		}
	}
	w.refresh(token)
}

// A bearer session that is renewed, as after a change of password, goes on with
// a new id and a new refresh token; the old ones are nothing any more, and to
// show them harms nobody.
func refreshRenewed(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	s, spent := w.loginBearer(u)
	token := w.refresh(spent)
	s, err := w.manager.Check(ctx, s.ID)
	must(t, err)
	must(t, w.manager.Save(ctx, s, []byte("kept")))
	s, err = w.manager.Check(ctx, s.ID)
	must(t, err)
	next, fresh, err := w.manager.RenewBearer(ctx, s, u.Epoch)
	must(t, err)
	if next.ID == s.ID || next.Carrier != session.Bearer || next.Client != s.Client || !next.Deadline.Equal(s.Deadline) || string(next.Data) != "kept" {
		t.Errorf("renewed %+v\ninto %+v", s, next)
	}
	for _, old := range []string{token, spent} {
		w.wantRefused(old, session.Replaced)
	}
	if w.aliveID(s.ID) || !w.aliveID(next.ID) {
		t.Error("the old id lives, or the new one does not")
	}
	w.refresh(w.refresh(fresh))
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) != 1 || list[0].ID != next.ID {
		t.Errorf("listed: %d sessions", len(list))
	}
	// Who ends it by the name it had ends it under the one it has.
	_, err = w.manager.End(ctx, []session.ID{s.ID}, forced)
	must(t, err)
	w.wantRefused(fresh, session.Forced)
}

func refreshListed(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	_, cookie := w.login(u)
	s, token := w.loginBearer(u)
	w.refresh(token)
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) != 2 {
		t.Errorf("%d sessions in the list, want 2", len(list))
	}
	for f, want := range map[*session.Filter]session.ID{
		{Carrier: session.Bearer}: s.ID, {Carrier: session.Cookie}: cookie, {Device: "Backup"}: s.ID, {Text: "OF THE SHOP"}: s.ID,
	} {
		page, err := w.manager.Search(ctx, *f, 1, 10)
		must(t, err)
		if len(page.Sessions) != 1 || page.Sessions[0].ID != want {
			t.Errorf("%v: %d found, or another", *f, page.Total)
		} else if found := page.Sessions[0]; want == s.ID && (found.Client != "backup of the shop" || found.Carrier != session.Bearer) {
			t.Errorf("listed as %q, %q", found.Client, found.Carrier)
		}
	}
	r, err := w.manager.EndWhere(ctx, session.Filter{Carrier: session.Bearer}, forced)
	must(t, err)
	if r.Ended != 1 || w.aliveID(s.ID) || !w.aliveID(cookie) {
		t.Errorf("end by carrier: %+v", r)
	}
}

func storeHoldsNoRefreshToken(t *testing.T, w *world) {
	s, first := w.loginBearer(w.newUser())
	second := w.refresh(first)
	third := w.refresh(second)
	dump := w.Dump(t)
	for name, token := range map[string]string{"first": first, "second": second, "current": third} {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		must(t, err)
		secret, mac := raw[36:68], raw[68:]
		for form, text := range map[string][]byte{
			"token": []byte(token), "secret": secret, "MAC": mac,
			"secret in base64": []byte(base64.RawURLEncoding.EncodeToString(secret)),
			"secret in hex":    []byte(hex.EncodeToString(secret)),
		} {
			if bytes.Contains(dump, text) {
				t.Errorf("the store holds the %s (%s)", form, name)
			}
		}
		hash := sha256.Sum256(secret)
		if held := bytes.Contains(dump, hash[:]); held != (name != "first") {
			t.Errorf("the store holds the hash of the %s secret: %v", name, held)
		}
	}
	// The nonce and the hash make no successor without the secret they hash.
	thief, err := w.Store.Find(context.Background(), s.ID)
	must(t, err)
	for _, secret := range [][32]byte{thief.Refresh.Hash, thief.Refresh.Previous} {
		x := w.useOf(s.ID, thief.Refresh.Generation, "")
		x.Hash = sha256.Sum256(secret[:])
		if _, err := w.Store.Rotate(context.Background(), x); !errors.Is(err, session.ErrReuse) {
			t.Errorf("what the store holds used as a secret: %v, want ErrReuse", err)
		}
	}
	w.refresh(third)
}

// Refreshing keeps nobody in beyond the absolute deadline, and ends at the idle
// deadline like everything else.
func refreshKeepsDeadlines(t *testing.T, w *world) {
	s, token := w.loginBearer(w.newUser())
	for w.clock.Now().Add(limits.Idle / 2).Before(s.Deadline) {
		w.clock.Advance(limits.Idle / 2)
		token = w.refresh(token)
	}
	w.clock.Advance(s.Deadline.Sub(w.clock.Now()))
	w.wantRefused(token, session.Expired)

	s, token = w.loginBearer(w.newUser())
	spent := token
	token = w.refresh(w.refresh(token))
	w.clock.Advance(limits.Idle)
	w.wantRefused(spent, session.Expired) // over before it was replayed
	w.wantRefused(token, session.Expired)
	if w.aliveID(s.ID) {
		t.Error("alive after the idle time")
	}
}

func streamsHearOfReuse(t *testing.T, w *world) {
	h := w.running(w.newNode(w.Store))
	s, stolen := w.loginBearer(w.newUser())
	w.refresh(w.refresh(stolen))
	stream := w.listen(h, s.ID)
	w.wantRefused(stolen, session.Reuse)
	w.hears(stream, session.Reuse)
}

func refreshOfUnreadable(t *testing.T, w *world) {
	for name, damage := range map[string]func(*testing.T, session.ID){"corrupt": w.Corrupt, "newer": w.Newer} {
		s, token := w.loginBearer(w.newUser())
		damage(t, s.ID)
		for range 2 {
			w.wantRefused(token, session.Expired)
		}
		if w.aliveID(s.ID) {
			t.Errorf("%s: alive", name)
		}
	}
}
