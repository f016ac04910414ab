package redisdb_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// Redis has ended some sessions and its answer is lost, or too late. The
// step is repeated and finds nothing left to end; the receipt knows of them all
// the same.
func TestEndOfEveryoneCountsWhatWasEndedWhenAnAnswerIsLost(t *testing.T) {
	const sessions = 55 // three steps, of one portion of keys
	for name, lost := range map[string]error{"late": os.ErrDeadlineExceeded, "lost": io.EOF} {
		for nth := int64(1); nth <= 3; nth++ {
			t.Run(fmt.Sprint(name, " ", nth), func(t *testing.T) {
				var steps atomic.Int64
				store := redisdb.OpenLosing(testenv.SharedRedis(t), longest, func(step string) error {
					if step == "end_older.lua" && steps.Add(1) == nth {
						return lost
					}
					return nil
				})
				t.Cleanup(func() { store.Close() })
				_, err := measure.Fill(store, sessions, func(int) user.User { return measure.Somebody() })
				must(t, err)
				m := session.NewManager(store, openSQL(t).Ledger(), measure.Limits, time.Now)
				for _, want := range []int{sessions, 0} {
					r, err := m.EndAll(context.Background(), session.Why{Reason: session.Forced})
					must(t, err)
					if r.Ended != want {
						t.Errorf("%d sessions have ended, the receipt says %d", want, r.Ended)
					}
				}
				if n := steps.Load(); n != 4 {
					t.Errorf("%d steps were sent, want one of the three twice", n)
				}
			})
		}
	}
}
