package server

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"gatehouse/internal/user"
)

// atOnceLingering bounds how many requests are held back at a time; each keeps
// its connection and some tens of kilobytes.
const atOnceLingering = 4096

// linger holds back the answer to a try to log in or to sign up that err says is
// one too many, for half to one and a half times s.Linger. Whoever tries again
// as soon as there is an answer, which is what programs that try many do, then
// costs the processor a try a second and not as many as it can bear, and who is
// signed in does not notice them. That the times differ keeps those who came
// together from coming together again. A person who has to wait anyway loses
// nothing.
//
// It holds nothing but the connection, so no try waits for another. It returns
// err, or the context's error if the client has gone: then there is nobody to
// make a page for, not a thousand times at once if a thousand have gone together.
func (s *Server) linger(r *http.Request, err error) error {
	var many *tooManyError
	if s.Linger <= 0 || !errors.As(err, &many) && !errors.Is(err, user.ErrBusy) {
		return err
	}
	select {
	case s.lingering <- struct{}{}:
		defer func() { <-s.lingering }()
	default:
		return err
	}
	over := time.NewTimer(s.Linger/2 + rand.N(s.Linger)) // by the real clock, as the client waits
	defer over.Stop()
	select {
	case <-over.C:
		return err
	case <-r.Context().Done():
		return r.Context().Err()
	}
}
