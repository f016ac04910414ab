package server

import (
	"context"
	"net/http"
)

// atOnceAfterwards bounds what is under way behind answers already given.
const atOnceAfterwards = 64

// afterwards runs f when the answer no longer waits for it: what takes a
// different time for an account that exists than for one that does not must not
// show in how long the answer takes. With too much under way it runs at once.
func (s *Server) afterwards(r *http.Request, f func(*http.Request)) {
	r = r.WithContext(context.WithoutCancel(r.Context()))
	select {
	case s.slots <- struct{}{}:
	default:
		f(r)
		return
	}
	s.pending.Go(func() {
		defer func() { <-s.slots }()
		f(r)
	})
}

// Wait returns when nothing is under way behind answers already given. Call it
// after the last request and before the stores are closed.
func (s *Server) Wait() { s.pending.Wait() }
