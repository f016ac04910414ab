package session

import (
	"context"
	"time"

	"gatehouse/internal/user"
)

// Receipt says what an end did.
type Receipt struct {
	Ended int           // sessions that were alive
	Gone  int           // sessions that had ended already
	Users int           // users they belonged to, where that is known
	Hit   []user.ID     // these users, where they are few
	Nodes Nodes         // who has confirmed; only after Confirm
	Took  time.Duration // from the request to the last confirmation
}

// Nodes says how many of the nodes there are have heard of every end until a
// certain moment, and have told their open pages. No check depends on it: an
// end is final on the store, which every check asks.
type Nodes struct {
	Confirmed int
	Live      int // 0: not known, or none is running
}

// Confirm asks the nodes whether they have heard of what r is the receipt for,
// and waits for their answers, for a moment and no longer. If they cannot be
// asked the receipt says nothing of them.
func (m *Manager) Confirm(ctx context.Context, r Receipt) Receipt {
	begin := m.now()
	if nodes, err := m.store.Confirm(ctx); err == nil {
		r.Nodes = nodes
	}
	r.Took += m.now().Sub(begin)
	if m.observer != nil {
		m.observer.Confirmed(r.Nodes, r.Took)
	}
	return r
}
