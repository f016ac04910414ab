package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gatehouse/internal/session"
)

// The server is killed in the middle of its work. What it has answered holds:
// who was told "in" is in, who was told "out" is out, and accounts are there.
func TestKilledServerKeepsItsWord(t *testing.T) {
	t.Parallel()
	for name, setUp := range setUps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startProcess(t, setUp.settings(t))
			var (
				workers  sync.WaitGroup
				mu       sync.Mutex
				in, out  []*client
				answered atomic.Int64
			)
			const enough = 12             // answers before the kill
			names := make(chan string, 1) // of somebody whose sign-up was answered
			for w := range 4 {
				workers.Go(func() {
					// Each in turn signs up, and every other one logs out again,
					// until the server is gone.
					for i := 0; ; i++ {
						c := newClient(t)
						a, err := c.send(n, "POST", "/signup", formOf([]string{fmt.Sprintf("username=kim%d-%d", w, i), "password=" + password}))
						if err != nil {
							return
						}
						if a.status == 503 {
							continue // too busy a machine; nobody was told anything
						}
						if a.status != 303 || c.token() == "" {
							t.Errorf("POST /signup: %d", a.status)
							return
						}
						select {
						case names <- fmt.Sprintf("kim%d-%d", w, i):
						default: // one is enough
						}
						list := &in
						if i%2 == 1 {
							gone := c.copy()
							a, err := c.send(n, "POST", "/logout", formOf(nil))
							if err != nil {
								return // it may have ended or not: nobody was told
							}
							if a.status == 503 {
								continue
							}
							if a.status != 303 {
								t.Errorf("POST /logout: %d", a.status)
								return
							}
							c, list = gone, &out
						}
						mu.Lock()
						*list = append(*list, c)
						mu.Unlock()
						answered.Add(1)
					}
				})
			}
			eventually(t, "the server has answered much", func() bool { return answered.Load() >= enough })
			n.kill()
			workers.Wait()

			again := startProcess(t, n.settings)
			for _, c := range in {
				c.isIn(again)
			}
			for _, c := range out {
				c.isOut(again, session.Logout)
			}
			newClient(t).logIn(again, <-names)
			t.Logf("%d in, %d out", len(in), len(out))
		})
	}
}
