package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// askedStore notes whether it was asked anything.
type askedStore struct {
	session.Store
	asked int
}

func (a *askedStore) Find(ctx context.Context, id session.ID) (session.Session, error) {
	a.asked++
	return a.Store.Find(ctx, id)
}

func noSessionWithoutLogin(t *testing.T, w *world) {
	store := &askedStore{Store: w.Store}
	n := w.newNode(store)
	count := func() (n int) {
		must(t, w.Store.Scan(context.Background(), w.clock.Now(), func(session.Session) error { n++; return nil }))
		return n
	}
	for _, token := range []string{"", "x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 4000), strings.Repeat("*", 43), strings.Repeat("_", 43)} {
		if _, err := n.cookies.Load(request(token)); !errors.Is(err, session.ErrNone) {
			t.Errorf("token %.50q: got %v, want ErrNone", token, err)
		}
	}
	if store.asked != 0 {
		t.Errorf("the store was asked %d times about what cannot be a token", store.asked)
	}
	planted := strings.Repeat("A", 43) // well-formed, never issued
	if _, err := n.cookies.Load(request(planted)); !isEnded(err) {
		t.Errorf("a token never issued: got %v, want ended", err)
	}
	if count() != 0 {
		t.Error("visitors made sessions")
	}
	token, _ := w.login(w.newUser())
	if token == planted {
		t.Error("the planted token was adopted")
	}
	if count() != 1 {
		t.Error("the log-in made no session")
	}
}

func unreadableIsEnded(t *testing.T, w *world) {
	ctx := context.Background()
	for name, damage := range map[string]func(*testing.T, session.ID){"corrupt": w.Corrupt, "newer version": w.Newer} {
		u := w.newUser()
		token, id := w.login(u)
		good, goodID := w.login(u)
		damage(t, id)

		list, err := w.manager.List(ctx, u.ID)
		must(t, err)
		for _, s := range list {
			if s.ID == id && name == "corrupt" {
				t.Errorf("%s: listed", name)
			}
		}
		if len(list) == 0 || !w.alive(good) {
			t.Errorf("%s: the other session is lost", name)
		}
		must(t, w.Store.Scan(ctx, w.clock.Now(), func(session.Session) error { return nil }))

		w.mustBeEnded(token, session.Expired)
		w.mustBeEnded(token, session.Expired) // and stays so
		if err := w.visit(token, true); !isEnded(err) {
			t.Errorf("%s: request got %v, want ended", name, err)
		}

		// It stops no end either.
		_, third := w.login(u)
		damage(t, third)
		r, err := w.manager.EndUser(ctx, u.ID, "", forced)
		must(t, err)
		if r.Ended != 2 {
			t.Errorf("%s: ended %d of 2", name, r.Ended)
		}
		if _, err := w.Store.Find(ctx, third); !isEnded(err) {
			t.Errorf("%s: after the end of the user: %v, want ended", name, err)
		}
		if w.alive(good) {
			t.Errorf("%s: session %s outlived the end of its user", name, goodID)
		}
		_, fourth := w.login(w.read(u))
		damage(t, fourth)
		if r, err = w.manager.End(ctx, []session.ID{fourth}, forced); err != nil || r.Ended != 1 {
			t.Errorf("%s: end of one: %+v, %v", name, r, err)
		}
	}
}

func search(t *testing.T, w *world) {
	ctx := context.Background()
	const users, each = 4, 3
	for range users {
		u := w.newUser()
		for range each {
			w.clock.Advance(time.Second)
			w.login(u)
		}
	}
	seen := map[session.ID]bool{}
	var last time.Time
	for number := 1; number <= 3; number++ {
		p, err := w.manager.Search(ctx, session.Filter{}, number, 5)
		must(t, err)
		if p.Total != users*each || p.Users != users || p.Pages != 3 || p.Number != number {
			t.Errorf("page %d: %+v", number, p)
		}
		for _, s := range p.Sessions {
			if seen[s.ID] {
				t.Errorf("page %d repeats a session", number)
			}
			seen[s.ID] = true
			if !last.IsZero() && s.LastSeen.After(last) {
				t.Errorf("page %d is out of order", number)
			}
			last = s.LastSeen
		}
	}
	if len(seen) != users*each {
		t.Errorf("pages show %d sessions, want %d", len(seen), users*each)
	}
	if p, err := w.manager.Search(ctx, session.Filter{}, 1<<40, 5); err != nil || p.Number != 3 || len(p.Sessions) != 2 {
		t.Errorf("page past the end: %d sessions on page %d, %v", len(p.Sessions), p.Number, err)
	}
	u := w.newUser()
	w.login(u)
	for text, want := range map[string]int{
		u.Username: 1, strings.ToUpper(u.Username): 1, "nobody at all": 0,
		"192.0.2.7": users*each + 1, "192.0.2.0/24": users*each + 1, "10.0.0.0/8": 0, "chrome": users*each + 1,
	} {
		p, err := w.manager.Search(ctx, session.Filter{Text: text}, 1, 100)
		must(t, err)
		if p.Total != want {
			t.Errorf("search %q: %d, want %d", text, p.Total, want)
		}
	}
	stop := fmt.Errorf("enough")
	if err := w.Store.Scan(ctx, w.clock.Now(), func(session.Session) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("scan stopped by its caller: %v", err)
	}
}

// Going from part to part, every session that lives all the while is seen once,
// whatever starts or is used in between.
func browse(t *testing.T, w *world) {
	ctx := context.Background()
	u := w.newUser()
	var stay []session.ID
	for i := range 9 {
		if i < 5 { // the others begin in the same moment
			w.clock.Advance(time.Second)
		}
		_, id := w.login(w.read(u))
		stay = append(stay, id)
	}
	w.login(w.newUser())
	seen := map[session.ID]int{}
	var after session.Place
	for part := 1; ; part++ {
		got, err := w.manager.Browse(ctx, session.Filter{User: u.ID}, after, 2)
		must(t, err)
		if got.Users != 1 || got.Total != 9+(part-1) || len(got.Sessions) > 2 || part > 20 {
			t.Fatalf("part %d: %d sessions, %d of %d users", part, len(got.Sessions), got.Total, got.Users)
		}
		for _, s := range got.Sessions {
			seen[s.ID]++
			after = session.Place{Began: s.Began, ID: s.ID}
		}
		if !got.More {
			break
		}
		w.clock.Advance(time.Minute)
		w.login(w.read(u))
		used, err := w.manager.Check(ctx, stay[part%len(stay)])
		must(t, err)
		must(t, w.manager.Touch(ctx, used))
	}
	for i, id := range stay {
		if seen[id] != 1 {
			t.Errorf("session %d is seen %d times", i, seen[id])
		}
	}
	if all, err := w.manager.Browse(ctx, session.Filter{}, session.Place{}, 100); err != nil || all.More || all.Users != 2 || len(all.Sessions) != all.Total {
		t.Errorf("all at once: %d of %d, more %t, %v", len(all.Sessions), all.Total, all.More, err)
	}
}
