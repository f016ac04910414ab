package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// startSession begins the session n, with the user as read before the password
// check, and sets the cookie. Address and device are those of r. The session
// that the browser still has, if any, is ended before: every log-in has a new
// token (I9), and it takes no place from anybody.
func (s *Server) startSession(w http.ResponseWriter, r *http.Request, n session.New) error {
	if err := s.endPrevious(r, n.User); err != nil {
		return err
	}
	n.IP, n.Device = exchangeOf(r.Context()).ip, deviceOf(r.UserAgent())
	var noteReplaced []func() // after the start: others may be waiting for this one's turn
	n.Replaced = func(one session.Session, err error) {
		noteReplaced = append(noteReplaced, func() { s.noteRoom(r, n.User.ID, one, audit.RoomOldest, err) })
	}
	started, err := s.cookies.Start(r.Context(), w, n)
	for _, note := range noteReplaced {
		note()
	}
	if err != nil {
		return err
	}
	exchangeOf(r.Context()).session = started.ID
	s.note(r, audit.Event{Kind: audit.Login, User: n.User.ID, Actor: n.User.ID, Detail: audit.Detail{Remember: n.Remember}})
	return nil
}

func (s *Server) endPrevious(r *http.Request, u user.User) error {
	ctx, err := s.carried(r)
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
