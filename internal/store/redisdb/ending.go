package redisdb

import (
	"context"
	"time"
)

// An end of everyone takes many steps, and the ledger knows of it before the
// first. Until the last one the server lags behind the ledger, for seconds if
// there are a million sessions. That is no reason to stop all checks, as if it
// had lost something: nobody has been answered yet. So whoever carries it out
// notes that in "ending", and a gate that finds the note lets checks pass, on a
// server that it knows and that has been the same all the time.
//
// If the one who does it crashes, the note lapses and the gates do the rest.

const (
	endingNoted = 3 * time.Second // how long a note counts
	endingAgain = time.Second     // when it is renewed
)

// noteEnding keeps the note until done is called. A note that cannot be written
// costs checks that have to wait, no more.
func noteEnding(ctx context.Context, all []*Store) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	note := func() {
		_ = together(all, func(s *Store) error {
			return s.client.do(ctx, func(c boundConn) error {
				_, err := c.eval(endingScript, endingNoted.Milliseconds())
				return err
			})
		})
	}
	note()
	go func() {
		defer close(stopped)
		tick := time.NewTicker(endingAgain)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				note()
			}
		}
	}()
	return func() { cancel(); <-stopped }
}

// underWay reports whether what p lacks may be an end of everyone that is being
// carried out on server at this moment.
func (g *gate) underWay(p position, server string) bool {
	g.at.Lock()
	defer g.at.Unlock()
	return p.ending != "" && p.ending == processOf(server) && g.trusted == server
}
