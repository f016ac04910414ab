package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// Whoever shows a token of an older generation, thief or robbed, the session
// ends: 1,000 of 1,000, and for everybody who holds a token of it.
func refreshReplayed(t *testing.T, w *world) {
	ctx := context.Background()
	const sessions, workers = 1000, 4
	u := w.newUser()
	var told, left atomic.Int64
	left.Store(sessions)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				s, stolen, err := w.manager.StartBearer(ctx, session.New{User: u})
				if err != nil {
					t.Error(err)
					return
				}
				current := stolen
				for range 2 {
					if current, err = refreshOn(w.node, current); err != nil {
						t.Error(err)
						return
					}
				}
				_, next, err := w.manager.Refresh(ctx, stolen)
				var reuse *session.ReuseError
				var ended *session.EndedError
				if !errors.As(err, &reuse) || !errors.As(err, &ended) || ended.Reason != session.Reuse || next != "" {
					t.Errorf("replay: %q, %v, want *ReuseError", next, err)
					return
				}
				if reuse.Session.ID != s.ID || reuse.Session.User != u.ID || reuse.Receipt.Ended != 1 || reuse.Err != nil {
					t.Errorf("for the audit log: %+v", reuse)
				}
				if _, err := w.Store.Find(ctx, s.ID); !isEnded(err) {
					t.Errorf("the session after a replay: %v, want ended", err)
				}
				for _, token := range []string{current, stolen} {
					_, _, err := w.manager.Refresh(ctx, token)
					if !errors.As(err, &ended) || ended.Reason != session.Reuse || errors.As(err, &reuse) {
						t.Errorf("afterwards: %v, want ended because of reuse, told once", err)
					}
				}
				told.Add(1)
			}
		})
	}
	wg.Wait()
	if told.Load() != sessions {
		t.Errorf("%d of %d replays ended their session", told.Load(), sessions)
	}
	list, err := w.manager.List(ctx, u.ID)
	must(t, err)
	if len(list) > 0 {
		t.Errorf("%d sessions left in the list", len(list))
	}
}

// The token just spent is a retry until the grace is over, and then a replay. A
// retry does not make the grace longer.
func refreshAfterGrace(t *testing.T, w *world) {
	_, token := w.loginBearer(w.newUser())
	next := w.refresh(token)
	w.clock.Advance(session.RefreshGrace / 2)
	if again := w.refresh(token); again != next {
		t.Error("another successor within the grace")
	}
	w.clock.Advance(session.RefreshGrace / 2)
	w.wantRefused(token, session.Reuse)
	w.wantRefused(next, session.Reuse)
}

// Nobody who has not held a token can end a session by showing one, however much
// they know of it.
func refreshForged(t *testing.T, w *world) {
	ctx := context.Background()
	s, first := w.loginBearer(w.newUser())
	spent := w.refresh(first)
	token := w.refresh(spent)

	stranger := session.NewManager(w.Store, w.Ledger, limits, w.clock.Now, session.WithRefreshKey([32]byte{1}))
	forged := []string{"", "x", string(s.ID), token + token, token[:len(token)-1]}
	for _, of := range []string{first, token} {
		for at := range of {
			forged = append(forged, of[:at]+string("AB"[of[at]&1])+of[at+1:])
		}
	}
	for _, f := range forged {
		if f == first || f == token {
			continue
		}
		if _, next, err := w.manager.Refresh(ctx, f); !errors.Is(err, session.ErrToken) || next != "" {
			t.Fatalf("forged token: %q, %v, want ErrToken", next, err)
		}
		if _, err := w.manager.CheckRefresh(ctx, f); !errors.Is(err, session.ErrToken) {
			t.Fatalf("check of a forged token: %v, want ErrToken", err)
		}
	}
	if _, _, err := stranger.Refresh(ctx, first); !errors.Is(err, session.ErrToken) {
		t.Errorf("token of another installation: %v, want ErrToken", err)
	}
	// To look at a spent token ends nothing either.
	if _, err := w.manager.CheckRefresh(ctx, first); !errors.Is(err, session.ErrToken) {
		t.Errorf("check of a spent token: %v, want ErrToken", err)
	}
	for _, good := range []string{token, spent} {
		if found, err := w.manager.CheckRefresh(ctx, good); err != nil || found.ID != s.ID {
			t.Errorf("check of a good token: %v, %v", found.ID, err)
		}
	}
	if !w.aliveID(s.ID) {
		t.Fatal("the session has ended")
	}
	w.refresh(token)
}

// useOf returns the use of a token that only the store has to judge.
func (w *world) useOf(id session.ID, generation uint32, secret string) session.Rotate {
	return session.Rotate{
		ID: id, Generation: generation, Hash: sha256.Sum256([]byte(secret)),
		Next: sha256.Sum256([]byte(secret + "'")), Nonce: [16]byte{byte(generation)},
		Now: w.clock.Now().Truncate(time.Millisecond), Grace: session.RefreshGrace,
	}
}
