package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/internal/user"
)

// hubStore is the part of a store that a hub asks.
type hubStore struct {
	Store
	mu    sync.Mutex
	gone  map[ID]Reason
	away  bool
	looks atomic.Int64
}

func (s *hubStore) Find(_ context.Context, id ID) (Session, error) {
	s.looks.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return Session{}, ErrUnavailable
	}
	if why, ok := s.gone[id]; ok {
		return Session{}, &EndedError{why}
	}
	return hubSession(string(id), "u"), nil
}

// radio is Events that a test speaks.
type radio struct {
	mu     sync.Mutex
	ended  func(ID, Reason)
	missed func()
}

func (r *radio) Listen(ctx context.Context, ended func(ID, Reason), missed func()) {
	r.mu.Lock()
	r.ended, r.missed = ended, missed
	r.mu.Unlock()
	<-ctx.Done()
}

func (r *radio) on() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended != nil
}

func hubSession(id string, u user.ID) Session {
	return Session{ID: ID(id), User: u, LastSeen: time.Now(), Idle: time.Hour, Deadline: time.Now().Add(time.Hour)}
}

// runHub starts a hub and returns what stops it and waits for it.
func runHub(t *testing.T, every time.Duration) (*Hub, *hubStore, *radio, func()) {
	t.Helper()
	store, news := &hubStore{gone: map[ID]Reason{}}, &radio{}
	h := NewHub(NewManager(store, nil, Limits{}, time.Now), every)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { h.Run(ctx, news) })
	for !news.on() {
		time.Sleep(time.Millisecond)
	}
	return h, store, news, func() { cancel(); wg.Wait() }
}

func mustListen(t *testing.T, h *Hub, s Session) *Stream {
	t.Helper()
	stream, err := h.Listen(s)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func isDone(s *Stream) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

func TestHubTellsTheStreamsOfTheSession(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, _, news, stop := runHub(t, time.Hour)
	defer stop()
	a, b, other := mustListen(t, h, hubSession("one", "u")), mustListen(t, h, hubSession("one", "u")), mustListen(t, h, hubSession("two", "u"))
	news.ended("one", Forced)
	news.ended("one", Expired) // a repetition changes nothing
	news.ended("nobody's", Forced)
	for _, s := range []*Stream{a, b} {
		if why := <-s.Ended(); why != Forced {
			t.Errorf("heard %q", why)
		}
		s.Close()
		s.Close()
	}
	if len(other.Ended()) != 0 || isDone(other) {
		t.Error("another session's stream was told")
	}
	if h.Open() != 1 {
		t.Errorf("%d streams are open, want 1", h.Open())
	}
}

func TestHubBoundsStreamsPerUserAndNode(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, _, _, stop := runHub(t, time.Hour)
	defer stop()
	var mine []*Stream
	neighbour := mustListen(t, h, hubSession("n", "neighbour"))
	for i := range StreamsPerUser + 3 {
		mine = append(mine, mustListen(t, h, hubSession(fmt.Sprint(i), "u")))
	}
	for i, s := range mine {
		if old := i < 3; isDone(s) != old || s.Crowded() != old {
			t.Errorf("stream %d: done %v, crowded %v", i, isDone(s), s.Crowded())
		}
	}
	if isDone(neighbour) || h.Open() != StreamsPerUser+1 {
		t.Errorf("%d open, neighbour done %v", h.Open(), isDone(neighbour))
	}
	for i := 0; h.Open() < StreamsPerNode; i++ {
		mustListen(t, h, hubSession(fmt.Sprint("x", i), user.ID(fmt.Sprint(i))))
	}
	if _, err := h.Listen(hubSession("y", "one more")); !errors.Is(err, ErrFull) {
		t.Errorf("one more than the node takes: %v", err)
	}
	mine[len(mine)-1].Close()
	mustListen(t, h, hubSession("y", "one more"))
}

func TestHubStopClosesStreamsAndTakesNone(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, _, _, stop := runHub(t, time.Hour)
	s := mustListen(t, h, hubSession("one", "u"))
	stop()
	if !isDone(s) || s.Crowded() || h.Open() != 0 {
		t.Errorf("after the stop: done %v, crowded %v, %d open", isDone(s), s.Crowded(), h.Open())
	}
	if _, err := h.Listen(hubSession("two", "u")); !errors.Is(err, ErrFull) {
		t.Errorf("listen after the stop: %v", err)
	}
}

// A store that is away says nothing about anybody; what was lost meanwhile is
// found when it is back.
func TestHubLooksForItself(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, store, news, stop := runHub(t, time.Hour)
	defer stop()
	s := mustListen(t, h, hubSession("one", "u"))
	looked := func(more int64) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); store.looks.Load() < more; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it does not look")
			}
		}
	}
	store.mu.Lock()
	store.away, store.gone["one"] = true, Password
	store.mu.Unlock()
	news.missed()
	looked(1)
	time.Sleep(10 * time.Millisecond)
	if len(s.Ended()) != 0 || isDone(s) {
		t.Fatal("an outage was taken for an end")
	}
	store.mu.Lock()
	store.away = false
	store.mu.Unlock()
	news.missed()
	select {
	case why := <-s.Ended():
		if why != Password {
			t.Errorf("heard %q", why)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("lost news stays lost")
	}
}

// However many streams a session has it is looked at once, and nobody's
// sessions not at all.
func TestHubLooksOncePerSession(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, store, _, stop := runHub(t, 200*time.Millisecond)
	defer stop()
	time.Sleep(300 * time.Millisecond)
	if n := store.looks.Load(); n != 0 {
		t.Errorf("%d looks without a stream", n)
	}
	for range StreamsPerUser {
		mustListen(t, h, hubSession("one", "u"))
	}
	began := time.Now()
	time.Sleep(time.Second)
	n := store.looks.Load()
	if most := int64(time.Since(began)/(200*time.Millisecond)) + 3; n < 1 || int64(n) > most {
		t.Errorf("%d looks in %s at one session, want about one each 200 ms", n, time.Since(began))
	}
}

func TestHubUnderLoad(t *testing.T) {
	defer goleak.VerifyNone(t)
	h, _, news, stop := runHub(t, 20*time.Millisecond)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				s, err := h.Listen(hubSession(fmt.Sprint(j%5), user.ID(fmt.Sprint(i%3))))
				if err != nil {
					t.Error(err)
					return
				}
				news.ended(ID(fmt.Sprint(j%5)), Forced)
				select {
				case <-s.Ended():
				case <-s.Done():
				}
				s.Close()
			}
		})
	}
	wg.Wait()
	if h.Open() != 0 || len(h.watched) != 0 || len(h.users) != 0 {
		t.Errorf("left behind: %d streams, %d sessions, %d users", h.Open(), len(h.watched), len(h.users))
	}
	stop()
}
