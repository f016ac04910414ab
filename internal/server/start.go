package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// startSession begins a session for u, as read before the password check, and
// sets the cookie. The session that the browser still has, if any, is ended:
// every log-in has a new token (I9).
func (s *Server) startSession(w http.ResponseWriter, r *http.Request, u user.User, remember bool) error {
	if err := s.endPrevious(r, u); err != nil {
		return err
	}
	started, err := s.cookies.Start(r.Context(), w, session.New{
		User:     u,
		Remember: remember,
		IP:       exchangeOf(r.Context()).ip,
		Device:   deviceOf(r.UserAgent()),
	})
	if err != nil {
		return err
	}
	exchangeOf(r.Context()).session = started.ID
	s.note(r, audit.Event{Kind: audit.Login, User: u.ID, Actor: u.ID, Detail: audit.Detail{Remember: remember}})
	return nil
}

func (s *Server) endPrevious(r *http.Request, u user.User) error {
	ctx, err := s.cookies.Load(r)
	var ended *session.EndedError
	switch {
	case errors.Is(err, session.ErrNone), errors.As(err, &ended):
		return nil
	case err != nil:
		return err
	}
	previous, _ := session.FromContext(ctx)
	receipt, err := s.Sessions.End(ctx, []session.ID{previous.ID}, session.Why{Reason: session.Replaced, Actor: u.ID})
	s.noteEnd(r, audit.Event{Kind: audit.SessionEnded, User: previous.User, Actor: u.ID,
		Detail: audit.Detail{Replaced: true, Target: previous.Device.String()}}, receipt, err)
	return err
}
