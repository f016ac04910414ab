package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// startSession begins the session n, with the user as read before the password
// check, and sets the cookie. Address and device are those of r. The session
// that the browser still has, if any, is ended before: every log-in has a new
// token (I9), and it takes no place from anybody.
func (s *Server) startSession(w http.ResponseWriter, r *http.Request, n session.New) error {
	if !s.origin.allows(r) { // for an access token checkOrigin makes an exception
		return errCrossOrigin
	}
	_, err := s.start(r, n, s.cookies.Enter, func(n session.New) (session.Session, error) {
		return s.cookies.Start(r.Context(), w, n)
	})
	return err
}

// startBearer is startSession for a program: it sets no cookie, returns the
// first tokens, and the session before is the one whose access token it shows.
func (s *Server) startBearer(r *http.Request, n session.New) (*apiTokens, error) {
	if err := s.Issuer.Ready(); err != nil {
		return nil, err
	}
	var refresh string
	started, err := s.start(r, n, s.carriedByToken, func(n session.New) (one session.Session, err error) {
		one, refresh, err = s.Sessions.StartBearer(r.Context(), n)
		return one, err
	})
	if err != nil {
		return nil, err
	}
	return s.tokens(started, refresh)
}

// start ends the session that previous finds and begins n by begin.
func (s *Server) start(r *http.Request, n session.New, previous func(*http.Request, *session.Visit) error, begin func(session.New) (session.Session, error)) (session.Session, error) {
	if err := s.endPrevious(r, n.User, previous); err != nil {
		return session.Session{}, err
	}
	n.IP, n.Device = exchangeOf(r.Context()).ip, deviceOf(r.UserAgent())
	var noteReplaced []func() // after the start: others may be waiting for this one's turn
	n.Replaced = func(one session.Session, err error) {
		noteReplaced = append(noteReplaced, func() { s.noteRoom(r, n.User.ID, one, audit.RoomOldest, err) })
	}
	started, err := begin(n)
	for _, note := range noteReplaced {
		note()
	}
	if err != nil {
		return session.Session{}, err
	}
	exchangeOf(r.Context()).session = started.ID
	s.note(r, audit.Event{Kind: audit.Login, User: n.User.ID, Actor: n.User.ID,
		Detail: audit.Detail{Remember: n.Remember, Bearer: started.Carrier == session.Bearer, Client: started.Client}})
	return started, nil
}

func (s *Server) endPrevious(r *http.Request, u user.User, find func(*http.Request, *session.Visit) error) error {
	v := session.Visit{Context: r.Context()}
	err := find(r, &v)
	var ended *session.EndedError
	switch {
	case errors.Is(err, session.ErrNone), errors.Is(err, token.ErrToken), errors.As(err, &ended):
		return nil
	case err != nil:
		return err
	}
	previous, _ := session.FromContext(&v)
	receipt, err := s.Sessions.End(&v, []session.ID{previous.ID}, session.Why{Reason: session.Replaced, Actor: u.ID})
	s.noteEnd(r, audit.Event{Kind: audit.SessionEnded, User: previous.User, Actor: u.ID,
		Detail: audit.Detail{Replaced: true, Target: previous.Name()}}, receipt, err)
	return err
}
