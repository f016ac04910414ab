//go:build faults

package faults

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/testenv"
)

const (
	beatKey   = "faults:beat"
	beatEvery = 20 * time.Millisecond
)

// beat writes to one server while something befalls it, each time another byte of
// one string. A server is one stream of writes, and replicas get it in order:
// whoever holds a beat holds every log-in that was answered before that beat began,
// and what was answered later may be lost to it. That is the replication lag,
// measured.
type beat struct {
	now  func() time.Duration
	to   *testenv.RedisProc
	stop chan struct{}
	done sync.WaitGroup

	// Read after done.
	began    []time.Duration
	answered []bool
}

// newBeat returns when the first beat has been answered.
func newBeat(to *testenv.RedisProc, now func() time.Duration) *beat {
	b := &beat{now: now, to: to, stop: make(chan struct{})}
	for testenv.Ask(to.Addr(), "DEL", beatKey) == "" {
	}
	for !b.strike() {
	}
	b.done.Go(func() {
		for {
			select {
			case <-b.stop:
				return
			case <-time.After(beatEvery):
				b.strike()
			}
		}
	})
	return b
}

func (b *beat) strike() bool {
	n := len(b.began)
	b.began = append(b.began, b.now())
	answer := testenv.Ask(b.to.Addr(), "SETRANGE", beatKey, strconv.Itoa(n), "x")
	b.answered = append(b.answered, strings.HasPrefix(answer, ":"))
	return b.answered[n]
}

// lost ends the beat and says what master, which has come out of it all, does not
// hold: what was answered from from on. Nothing if it holds every answered beat.
func (b *beat) lost(master *testenv.RedisProc) (from time.Duration, something bool) {
	close(b.stop)
	b.done.Wait()
	var held string // after its length
	if answer := testenv.Ask(master.Addr(), "GET", beatKey); !strings.HasPrefix(answer, "$-1") {
		_, held, _ = strings.Cut(answer, "\r\n")
	}
	for i, began := range b.began {
		switch holds := i < len(held) && held[i] == 'x'; {
		case holds:
			from = began
		case b.answered[i]:
			return from, true
		}
	}
	return 0, false
}
