package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// askedUsers counts who is asked for.
type askedUsers struct {
	user.Store
	mu    sync.Mutex
	asked map[user.ID]int
	err   error
}

func (a *askedUsers) ByID(_ context.Context, id user.ID) (user.User, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[id]++
	return user.User{ID: id, Name: "name of " + string(id)}, a.err
}

func TestNamesAreAskedForOnce(t *testing.T) {
	store := &askedUsers{asked: map[user.ID]int{}, err: session.ErrUnavailable}
	n := newNames(store)
	n.half = 8
	ctx := context.Background()
	if _, err := n.of(ctx, "alice"); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	store.err = nil
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 1000 {
				for _, id := range []user.ID{"alice", user.ID(fmt.Sprint(w, "-", i))} {
					if name, err := n.of(ctx, id); err != nil || name != "name of "+string(id) {
						t.Errorf("%s: %q, %v", id, name, err)
					}
				}
			}
		})
	}
	all.Wait()
	// Who keeps coming is remembered, whoever else comes.
	if asked := store.asked["alice"]; asked > 5 {
		t.Errorf("asked for alice %d times", asked)
	}
	if size := len(n.young) + len(n.old); size > 2*n.half {
		t.Errorf("%d names are remembered, want %d at most", size, 2*n.half)
	}
}
