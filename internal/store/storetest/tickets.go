package storetest

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// RunTickets holds a backend to the contract of user.Tickets. open is called once
// per test and returns an empty store and the same by way of another node.
func RunTickets(t *testing.T, open func(t *testing.T) (here, there user.Tickets)) {
	t.Run("OneOfManyUsesATicket", func(t *testing.T) {
		here, there := open(t)
		ctx, hash := context.Background(), sha256.Sum256([]byte("ticket"))
		must(t, here.Add(ctx, hash, at, at.Add(time.Minute)))
		var used atomic.Int32
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				by := here
				if i%2 == 0 {
					by = there
				}
				ok, err := by.Use(ctx, hash, at)
				if err != nil {
					t.Error(err)
				}
				if ok {
					used.Add(1)
				}
			})
		}
		all.Wait()
		if n := used.Load(); n != 1 {
			t.Errorf("used %d times", n)
		}
	})
	t.Run("TicketsCountUntilTheyExpire", func(t *testing.T) {
		here, there := open(t)
		ctx := context.Background()
		a, b, stranger := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b")), sha256.Sum256([]byte("stranger"))
		end := at.Add(time.Minute)
		must(t, here.Add(ctx, a, at, end))
		must(t, here.Add(ctx, b, end.Add(-time.Millisecond), end)) // forgets nothing that counts
		for _, one := range []struct {
			hash [sha256.Size]byte
			now  time.Time
			want bool
		}{{stranger, at, false}, {a, end, false}, {a, end.Add(-time.Millisecond), true}, {b, end, false}} {
			ok, err := there.Use(ctx, one.hash, one.now)
			must(t, err)
			if ok != one.want {
				t.Errorf("%+v: %v", one, ok)
			}
		}
	})
}
