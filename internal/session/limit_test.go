package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/user"
)

func TestQueueLetsOneOfAUserGoAtATime(t *testing.T) {
	var q queue
	var inside [2]atomic.Int32
	var all sync.WaitGroup
	users := []user.ID{"kim", "lee"}
	for i := range 100 {
		all.Go(func() {
			done, err := q.wait(t.Context(), users[i%2], time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			if n := inside[i%2].Add(1); n != 1 {
				t.Errorf("%d at a time", n)
			}
			time.Sleep(time.Microsecond)
			inside[i%2].Add(-1)
		})
	}
	all.Wait()
	if len(q.lines) != 0 {
		t.Errorf("%d lines left with nobody in them", len(q.lines))
	}
}

func TestQueueKeepsNobodyForEver(t *testing.T) {
	var q queue
	done, err := q.wait(t.Context(), "kim", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.wait(t.Context(), "kim", time.Millisecond); !errors.Is(err, user.ErrBusy) {
		t.Errorf("out of patience: got %v, want ErrBusy", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := q.wait(gone, "kim", time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("gone: got %v, want context.Canceled", err)
	}
	if other, err := q.wait(t.Context(), "lee", time.Minute); err != nil {
		t.Errorf("somebody else: %v", err)
	} else {
		other()
	}
	done()
	if done, err = q.wait(t.Context(), "kim", time.Minute); err != nil {
		t.Fatal(err)
	}
	done()
	if len(q.lines) != 0 {
		t.Errorf("%d lines left with nobody in them", len(q.lines))
	}
}
