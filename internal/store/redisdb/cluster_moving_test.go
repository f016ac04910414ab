package redisdb_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
)

// mover moves the slots of all shards from master to master, key by key, until it is
// stopped.
type mover struct {
	stop, stopped chan struct{}
	moves         int
}

func keepMoving(t *testing.T, c *testenv.Cluster) *mover {
	t.Helper()
	m := &mover{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(m.stopped)
		for {
			for _, shard := range rand.Perm(session.Shards) {
				select {
				case <-m.stop:
					return
				default:
				}
				began := time.Now()
				if err := moveOn(c, redisdb.SlotOfShard(session.Shard(shard))); err != nil {
					t.Errorf("a slot cannot be moved: %v", err)
					return
				}
				m.moves++
				// The tests need some of the machine, and some time without an open slot.
				time.Sleep(max(5*time.Millisecond, time.Since(began)/2))
			}
		}
	}()
	t.Cleanup(m.halt)
	return m
}

// halt stops the mover; the slot under way arrives.
func (m *mover) halt() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	<-m.stopped
}

// moveOn moves a slot to another master: a key at a time at first, then by handfuls,
// and at last, on a slow machine, all at once: the tombstones of a long test would
// keep one slot open for seconds, longer than anybody waits for it.
func moveOn(c *testenv.Cluster, slot int) error {
	from := c.Owner(slot)
	var to *testenv.RedisProc
	for _, i := range rand.Perm(3) {
		if m := c.Masters()[i]; m != from {
			to = m
		}
	}
	if err := c.BeginMove(slot, from, to); err != nil {
		return err
	}
	began := time.Now()
	for moved, handful := 0, 1; ; moved++ {
		switch open := time.Since(began); {
		case open > 200*time.Millisecond:
			handful = 1000
		case open > 100*time.Millisecond, moved >= 30:
			handful = 50
		}
		n, err := c.MoveKeys(slot, from, to, handful)
		if err != nil {
			return err
		}
		if n == 0 {
			return c.EndMove(slot, to)
		}
	}
}
