package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/limit"
)

// RunLimiter holds a backend to the contract of limit.Limiter. newLimiter is
// called once per test and returns a limiter whose clock is now; it may find
// what earlier tests left, which use other keys.
func RunLimiter(t *testing.T, newLimiter func(t *testing.T, now func() time.Time) limit.Limiter) {
	tests := []struct {
		name string
		run  func(*testing.T, *limited)
	}{
		{"BurstThenWait", limiterBurst},
		{"Refill", limiterRefill},
		{"RefusedTakeCostsNothing", limiterRefused},
		{"KeysAreIndependent", limiterKeys},
		{"Atomic", limiterAtomic},
		{"ContextHasEnded", limiterContext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &limited{key: fmt.Sprintf("%s %d", t.Name(), time.Now().UnixNano())}
			// A whole millisecond, and near the real time, by which a backend
			// may let its keys expire.
			l.clock.Store(time.Now().UnixMilli())
			l.Limiter = newLimiter(t, func() time.Time { return time.UnixMilli(l.clock.Load()) })
			tt.run(t, l)
		})
	}
}

// limited is a limiter with its clock in the test's hands.
type limited struct {
	limit.Limiter
	key   string
	clock atomic.Int64 // Unix milliseconds
}

var threeAMinute = limit.Rule{Name: "storetest", Burst: 3, Every: time.Minute}

func (l *limited) pass(d time.Duration) { l.clock.Add(d.Milliseconds()) }

func (l *limited) want(t *testing.T, r limit.Rule, key string, want time.Duration) {
	t.Helper()
	got, err := l.Take(context.Background(), r, key)
	if err != nil || got.Round(time.Millisecond) != want {
		t.Fatalf("wait %v, %v; want %v", got, err, want)
	}
}

func (l *limited) drain(t *testing.T, r limit.Rule, key string) {
	t.Helper()
	for range r.Burst {
		l.want(t, r, key, 0)
	}
}

func limiterBurst(t *testing.T, l *limited) {
	l.drain(t, threeAMinute, l.key)
	l.want(t, threeAMinute, l.key, time.Minute)
	l.pass(20 * time.Second)
	l.want(t, threeAMinute, l.key, 40*time.Second)
	one := limit.Rule{Name: "storetest-one", Burst: 1, Every: time.Second}
	l.want(t, one, l.key, 0)
	l.want(t, one, l.key, time.Second)
}

func limiterRefill(t *testing.T, l *limited) {
	l.drain(t, threeAMinute, l.key)
	l.pass(time.Minute - time.Millisecond)
	l.want(t, threeAMinute, l.key, time.Millisecond)
	l.pass(time.Millisecond)
	l.want(t, threeAMinute, l.key, 0)
	l.want(t, threeAMinute, l.key, time.Minute)
	l.pass(2 * time.Minute)
	l.want(t, threeAMinute, l.key, 0)
	l.want(t, threeAMinute, l.key, 0)
	l.want(t, threeAMinute, l.key, time.Minute)
	l.pass(24 * time.Hour) // never more than the burst is saved up
	l.drain(t, threeAMinute, l.key)
	l.want(t, threeAMinute, l.key, time.Minute)
}

func limiterRefused(t *testing.T, l *limited) {
	l.drain(t, threeAMinute, l.key)
	for range 50 {
		l.want(t, threeAMinute, l.key, time.Minute)
	}
	l.pass(time.Minute)
	l.want(t, threeAMinute, l.key, 0)
}

func limiterKeys(t *testing.T, l *limited) {
	l.drain(t, threeAMinute, l.key)
	l.want(t, threeAMinute, l.key, time.Minute)
	l.drain(t, threeAMinute, l.key+"b")
	l.drain(t, threeAMinute, l.key+"\x00:한글 \xff")
	other := threeAMinute
	other.Name += "-other"
	l.drain(t, other, l.key) // the same key under another rule
	l.want(t, other, l.key, time.Minute)
	other.Name += l.key
	l.drain(t, other, "")
}

// Simultaneous tries cannot pass together.
func limiterAtomic(t *testing.T, l *limited) {
	r := limit.Rule{Name: "storetest-atomic", Burst: 10, Every: time.Minute}
	var passed atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 100 {
		wg.Go(func() {
			<-start
			wait, err := l.Take(context.Background(), r, l.key)
			if err != nil {
				t.Error(err)
			} else if wait == 0 {
				passed.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if passed.Load() != int64(r.Burst) {
		t.Errorf("%d of 100 passed, want %d", passed.Load(), r.Burst)
	}
}

func limiterContext(t *testing.T, l *limited) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Take(ctx, threeAMinute, l.key); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}
