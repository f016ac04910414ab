package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"gatehouse/internal/user"
)

// Bounds of a Hub.
const (
	// StreamsPerUser is how many streams a user may have open on one node:
	// browsers, as the tabs of one share a stream.
	StreamsPerUser = 16
	// StreamsPerNode bounds what open tabs may cost a node.
	StreamsPerNode = 20_000
	// checksAtOnce leaves most of the connections to the store to requests.
	checksAtOnce = 8
)

// ErrFull: the node has as many streams as it can take, or is stopping.
var ErrFull = errors.New("session: no room for another stream")

// Hub tells the open streams of this node that their session has ended (I10).
// It hears so from the store's Events and, because news can be lost, looks
// itself now and then. Looking is a check and not a touch: an open tab does not
// keep a session alive.
type Hub struct {
	manager *Manager
	every   time.Duration

	mu      sync.Mutex
	closed  bool
	watched map[ID]*watched
	users   map[user.ID][]*Stream // oldest first
	streams int
	look    chan struct{} // news may have been lost
}

// watched is a session that streams listen to.
type watched struct {
	streams []*Stream
	due     time.Time // when to look again
	ends    time.Time // when its time runs out, as far as is known
}

// Stream is one listener to one session.
type Stream struct {
	hub     *Hub
	session ID
	user    user.ID
	ended   chan Reason
	done    chan struct{}
	crowded bool // set before done is closed
}

// NewHub returns a hub that looks at each session that somebody listens to once
// per every, and when its time runs out.
func NewHub(m *Manager, every time.Duration) *Hub {
	return &Hub{
		manager: m,
		every:   every,
		watched: map[ID]*watched{},
		users:   map[user.ID][]*Stream{},
		look:    make(chan struct{}, 1),
	}
}

// Ended gets the reason once, when the session has ended.
func (s *Stream) Ended() <-chan Reason { return s.ended }

// Done is closed when the stream should end without news: the hub has stopped,
// or the stream was the oldest of too many.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Crowded says, once Done is closed, that the user has opened more streams than
// StreamsPerUser and this was the oldest: it should not come back at once.
func (s *Stream) Crowded() bool { return s.crowded }

// Listen opens a stream for s; the caller closes it. ErrFull. An end before
// Listen returns may go unheard for as long as the hub takes to look, so the
// caller checks once more.
func (h *Hub) Listen(s Session) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrFull
	}
	if mine := h.users[s.User]; len(mine) >= StreamsPerUser {
		mine[0].crowded = true
		h.drop(mine[0])
	}
	if h.streams >= StreamsPerNode {
		return nil, ErrFull
	}
	stream := &Stream{hub: h, session: s.ID, user: s.User, ended: make(chan Reason, 1), done: make(chan struct{})}
	w := h.watched[s.ID]
	if w == nil {
		// Streams open at all sorts of moments, which spreads the looks.
		w = &watched{due: time.Now().Add(h.every), ends: s.Ends()}
		h.watched[s.ID] = w
	}
	w.streams = append(w.streams, stream)
	h.users[s.User] = append(h.users[s.User], stream)
	h.streams++
	return stream, nil
}

// Close ends the stream; more than once does nothing.
func (s *Stream) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.drop(s)
}

// drop takes a stream out of the hub and tells it so. Held: h.mu.
func (h *Hub) drop(s *Stream) {
	select {
	case <-s.done:
		return
	default:
	}
	close(s.done)
	h.streams--
	if h.users[s.user] = without(h.users[s.user], s); len(h.users[s.user]) == 0 {
		delete(h.users, s.user)
	}
	w := h.watched[s.session]
	if w.streams = without(w.streams, s); len(w.streams) == 0 {
		delete(h.watched, s.session)
	}
}

func without(all []*Stream, one *Stream) []*Stream {
	var rest []*Stream
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

// Open returns how many streams are open.
func (h *Hub) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams
}

// Run passes the news of events on to the streams until ctx ends; then it
// closes all streams, takes no more, and returns when nothing of it runs.
func (h *Hub) Run(ctx context.Context, events Events) {
	var wg sync.WaitGroup
	wg.Go(func() { events.Listen(ctx, h.tell, h.missed) })
	wg.Go(func() { h.watch(ctx) })
	<-ctx.Done()
	h.mu.Lock()
	h.closed = true
	for _, mine := range h.users {
		for _, s := range mine {
			h.drop(s)
		}
	}
	h.mu.Unlock()
	wg.Wait()
}

// tell tells the streams of a session that it has ended.
func (h *Hub) tell(id ID, why Reason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watched[id]
	if w == nil {
		return
	}
	for _, s := range w.streams {
		select {
		case s.ended <- why:
		default: // told already
		}
	}
}

func (h *Hub) missed() {
	select {
	case h.look <- struct{}{}:
	default:
	}
}

// watch looks at every session when that is due.
func (h *Hub) watch(ctx context.Context) {
	tick := time.NewTicker(h.every / 20)
	defer tick.Stop()
	for {
		all := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-h.look:
			all = true
		}
		h.check(ctx, h.due(all))
	}
}

// due returns the sessions to look at now, and when each is to be looked at
// after that.
func (h *Hub) due(all bool) []ID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []ID
	now, clock := time.Now(), h.manager.clock()
	for id, w := range h.watched {
		if all || !now.Before(w.due) || !clock.Before(w.ends) {
			// Not all at the same moment for ever, after they once were.
			w.due = now.Add(h.every - rand.N(h.every/4))
			ids = append(ids, id)
		}
	}
	return ids
}

// check asks the store about each session. If it is away nothing is known and
// nothing is said (I6).
func (h *Hub) check(ctx context.Context, ids []ID) {
	var wg sync.WaitGroup
	permits := make(chan struct{}, checksAtOnce)
	for _, id := range ids {
		permits <- struct{}{}
		wg.Go(func() {
			defer func() { <-permits }()
			s, err := h.manager.Check(ctx, id)
			var ended *EndedError
			switch {
			case errors.As(err, &ended):
				h.tell(id, ended.Reason)
			case err == nil:
				h.seen(s)
			}
		})
	}
	wg.Wait()
}

// seen notes when the time of a session runs out now: a request may have moved
// it.
func (h *Hub) seen(s Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.watched[s.ID]; w != nil {
		w.ends = s.Ends()
	}
}
