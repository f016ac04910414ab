package sqldb

import (
	"context"
	"sync"

	"gatehouse/internal/session"
)

// ending is one end, to be told once it has been committed.
type ending struct {
	id     session.ID
	reason string
}

// listeners are those who want to hear of ends in this process. What another
// process does to the database they do not hear.
type listeners struct {
	mu  sync.Mutex
	all map[*listener]struct{}
}

type listener struct {
	ended func(session.ID, session.Reason)
}

// Listen implements session.Events.
func (s *Sessions) Listen(ctx context.Context, ended func(session.ID, session.Reason), _ func()) {
	l, one := &s.db.listeners, &listener{ended}
	l.mu.Lock()
	if l.all == nil {
		l.all = map[*listener]struct{}{}
	}
	l.all[one] = struct{}{}
	l.mu.Unlock()
	<-ctx.Done()
	l.mu.Lock()
	delete(l.all, one)
	l.mu.Unlock()
}

// tell tells everybody who listens of what has been committed.
func (l *listeners) tell(endings []ending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.all {
		for _, e := range endings {
			one.ended(e.id, reasonOf(e.reason))
		}
	}
}
