package server

import (
	"context"
	"sync"

	"gatehouse/internal/user"
)

// names remembers what people are called: of an account, username and name are
// set when it is made and never changed, and a program that asks who it is with
// every request should not cost a question to the database each time. All else
// about an account is asked, or is in the session, which ends when it changes.
//
// It is bounded by two generations: when the young one is full it becomes the
// old one, and what was old is forgotten.
type names struct {
	store user.Store
	half  int // entries in a generation

	mu         sync.RWMutex
	young, old map[user.ID]string
}

// rememberedNames bounds the memory of names: some 6 MB.
const rememberedNames = 1 << 16

func newNames(store user.Store) *names {
	return &names{store: store, half: rememberedNames / 2, young: map[user.ID]string{}}
}

// of returns the name of an account; errors as user.Store.ByID.
func (n *names) of(ctx context.Context, id user.ID) (string, error) {
	n.mu.RLock()
	name, young := n.young[id]
	old := false
	if !young {
		name, old = n.old[id]
	}
	n.mu.RUnlock()
	if young {
		return name, nil
	}
	if !old {
		u, err := n.store.ByID(ctx, id)
		if err != nil {
			return "", err
		}
		name = u.Name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.young) >= n.half {
		n.old, n.young = n.young, make(map[user.ID]string, n.half)
	}
	n.young[id] = name // again, if it was old: it is in use
	return name, nil
}
