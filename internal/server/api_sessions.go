package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/session"
)

// apiMySessions lists the person's own sessions.
func (s *Server) apiMySessions(w http.ResponseWriter, r *http.Request) error {
	_, p, err := query(r, "")
	if err != nil {
		return err
	}
	return s.apiBrowse(w, r, session.Filter{User: me(r).User}, p)
}

// apiBrowse answers with the part p of the sessions that f selects.
func (s *Server) apiBrowse(w http.ResponseWriter, r *http.Request, f session.Filter, p part) error {
	after, err := p.session()
	if err != nil {
		return err
	}
	found, err := s.Sessions.Browse(r.Context(), f, after, p.limit)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, sessionsView(found, me(r).ID))
}

// apiEndMine ends one of the person's own sessions, also the one that asks.
func (s *Server) apiEndMine(w http.ResponseWriter, r *http.Request) error {
	id, err := s.bareID(r)
	if err != nil {
		return err
	}
	receipt, err := s.endOwn(r, id)
	if err != nil {
		return err
	}
	if id == me(r).ID {
		s.forget(w, r)
	}
	return reply(w, http.StatusOK, receiptView(receipt))
}

// bareID returns the session id in the path of a request that has no body.
func (s *Server) bareID(r *http.Request) (session.ID, error) {
	if err := decode(r, &struct{}{}); err != nil {
		return "", err
	}
	return session.ParseID(chi.URLParam(r, "id"))
}

// apiEndOthers ends all the person's sessions but the one that asks.
func (s *Server) apiEndOthers(w http.ResponseWriter, r *http.Request) error {
	if err := decode(r, &struct{}{}); err != nil {
		return err
	}
	receipt, err := s.endAllOthers(r)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, receiptView(receipt))
}
