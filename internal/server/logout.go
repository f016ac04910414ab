package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
)

// logout ends the request's session.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	r, _, err := s.endThis(r)
	if err != nil {
		return err
	}
	return s.loggedOut(w, r, session.Logout)
}

// endThis ends the session that r carries and returns r with it. If it has
// ended already, or there is none, that is what the person wanted. If the store
// is away, it says so: nobody is told "logged out" who is not.
func (s *Server) endThis(r *http.Request) (*http.Request, session.Receipt, error) {
	with, err := s.withSession(r)
	var ended *session.EndedError
	switch {
	case errors.Is(err, session.ErrNone):
		return r, session.Receipt{}, nil
	case errors.As(err, &ended):
		return r, session.Receipt{Gone: 1}, nil
	case err != nil:
		return r, session.Receipt{}, err
	}
	mine := me(with)
	receipt, err := s.Sessions.End(r.Context(), []session.ID{mine.ID}, session.Why{Reason: session.Logout, Actor: mine.User})
	s.noteEnd(with, audit.Event{Kind: audit.Logout, User: mine.User, Actor: mine.User}, receipt, err)
	return with, receipt, err
}

// loggedOut clears the cookie and leads to the log-in page.
func (s *Server) loggedOut(w http.ResponseWriter, r *http.Request, why session.Reason) error {
	s.forget(w, r)
	return seeOther(w, loginURL("", why))
}
