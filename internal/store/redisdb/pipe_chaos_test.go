package redisdb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// badLine is a proxy in front of a Redis that delays, cuts into pieces, holds and
// breaks off what comes back.
type badLine struct {
	l    net.Listener
	to   string
	calm atomic.Bool // does no harm
	cuts atomic.Int64
}

func newBadLine(t *testing.T, to string) *badLine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &badLine{l: l, to: to}
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, near, far)
			mu.Unlock()
			all.Go(func() { _, _ = io.Copy(far, near); far.Close() })
			all.Go(func() { b.back(near, far); near.Close(); far.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return b
}

// back passes on what the server says.
func (b *badLine) back(near io.Writer, far io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := far.Read(buf)
		if err != nil {
			return
		}
		out := buf[:n]
		if !b.calm.Load() {
			switch rand.IntN(60) {
			case 0: // hangs up in the middle of an answer
				_, _ = near.Write(out[:rand.IntN(len(out))])
				b.cuts.Add(1)
				return
			case 1: // holds the rest for longer than anybody waits
				cut := rand.IntN(len(out))
				_, _ = near.Write(out[:cut])
				b.cuts.Add(1)
				time.Sleep(400 * time.Millisecond)
				out = out[cut:]
			case 2, 3:
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			case 4, 5, 6:
				for len(out) > 1 {
					if _, err := near.Write(out[:1]); err != nil {
						return
					}
					out = out[1:]
				}
			}
		}
		if _, err := near.Write(out); err != nil {
			return
		}
	}
}

// Whatever happens on the way to Redis, a check answers with the session that was
// asked for, or that it cannot tell: never with another one, and never that one
// has ended which lives.
func TestI6_ChecksOverABadLine(t *testing.T) {
	proc := testenv.RedisServer(t)
	direct := redisdb.Open(proc.URL(), longest)
	t.Cleanup(func() { direct.Close() })
	const sessions = 200
	users := measure.Users(sessions)
	tokens, err := measure.Fill(direct, sessions, func(i int) user.User { return users[i] })
	must(t, err)
	line := newBadLine(t, proc.Addr())
	store := redisdb.Open(strings.Replace(proc.URL(), proc.Addr(), line.l.Addr().String(), 1), longest)
	t.Cleanup(func() { store.Close() })
	m := session.NewManager(store, nil, measure.Limits, time.Now)
	var right, unavailable atomic.Int64
	check := func(i int) {
		got, err := m.Check(context.Background(), session.IDOf(tokens[i]))
		switch {
		case err == nil && got.User == users[i].ID && got.Username == users[i].Username:
			right.Add(1)
		case err == nil:
			t.Errorf("session %d: got that of %s", i, got.Username)
		case errors.Is(err, session.ErrUnavailable):
			unavailable.Add(1)
		default:
			t.Errorf("session %d: %v", i, err)
		}
	}
	var all sync.WaitGroup
	over := time.Now().Add(3 * time.Second)
	for w := range 16 {
		all.Go(func() {
			for n := w; time.Now().Before(over); n++ {
				check(n * 7 % sessions)
			}
		})
	}
	all.Wait()
	t.Logf("%d right, %d unavailable, the line was cut %d times", right.Load(), unavailable.Load(), line.cuts.Load())
	if right.Load() == 0 || line.cuts.Load() == 0 {
		t.Error("nothing was tried")
	}
	line.calm.Store(true)
	for deadline := time.Now().Add(30 * time.Second); ; {
		if before := right.Load(); true {
			check(0)
			if right.Load() > before {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody is served any more")
		}
	}
}

// Sessions end while many others are checked on the same connection: whoever
// asks after an end has been answered is told so.
func TestP1_EndsBesideManyChecks(t *testing.T) {
	store := redisdb.Open(testenv.SharedRedis(t), longest)
	t.Cleanup(func() { store.Close() })
	const sessions = 300
	users := measure.Users(sessions)
	tokens, err := measure.Fill(store, sessions, func(i int) user.User { return users[i] })
	must(t, err)
	ctx := context.Background()
	ended := make([]atomic.Bool, sessions)
	var all sync.WaitGroup
	var over atomic.Bool
	for w := range 8 {
		all.Go(func() {
			for n := w; !over.Load(); n++ {
				i := n * 11 % sessions
				was := ended[i].Load()
				_, err := store.Find(ctx, session.IDOf(tokens[i]))
				if err == nil && was {
					t.Errorf("session %d was found after its end", i)
				}
				var gone *session.EndedError
				if err != nil && !errors.As(err, &gone) && !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("session %d: %v", i, err)
				}
			}
		})
	}
	for i := range sessions {
		if _, err := store.End(ctx, []session.ID{session.IDOf(tokens[i])}, session.Why{Reason: session.Forced}, time.Now()); err == nil {
			ended[i].Store(true)
		} else if !errors.Is(err, session.ErrUnavailable) {
			t.Error(fmt.Errorf("end: %w", err))
		}
	}
	over.Store(true)
	all.Wait()
}
