package server

import (
	"context"
	"errors"
	"net/http"

	"gatehouse/internal/session"
)

// requireUser lets requests with a live session through.
func (s *Server) requireUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := s.withSession(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// requireAdmin lets administrators through; it stands behind requireUser. The
// role in the session is true: a change of role ends the sessions.
func (s *Server) requireAdmin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if me(r).Role != "admin" {
			s.fail(w, r, errForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recognise adds the session, if there is a live one, to a public page. A store
// that is away does not take the page down (I6).
func (s *Server) recognise(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if with, err := s.withSession(r); err == nil {
			r = with
		} else if errors.Is(err, session.ErrUnavailable) {
			exchangeOf(r.Context()).err = err
		}
		next.ServeHTTP(w, r)
	})
}

// carried checks the session that r carries and fills v with it. Here alone is
// decided which session a request of a page or of the API belongs to: on the API
// by the header Authorization, if there is one, and else by its cookie.
// session.ErrNone, *session.EndedError, session.ErrUnavailable; with the header
// also token.ErrToken.
func (s *Server) carried(r *http.Request, v *session.Visit) error {
	if exchangeOf(r.Context()).byToken {
		return s.carriedByToken(r, v)
	}
	return s.cookies.Enter(r, v)
}

// withSession returns r with its live session in the context, or r and an error.
func (s *Server) withSession(r *http.Request) (*http.Request, error) {
	x := exchangeOf(r.Context())
	v := &x.Visit
	if r.Context() != context.Context(x) || v.ID() != "" { // not ours to fill, or filled
		v = &session.Visit{Context: r.Context()}
	}
	if err := s.carried(r, v); err != nil {
		return r, err
	}
	if v != &x.Visit {
		r = r.WithContext(v)
	}
	x.session = v.ID()
	return r, nil
}

// me returns the session of the request; the zero Session on public pages.
func me(r *http.Request) session.Session {
	mine, _ := session.FromContext(r.Context())
	return mine
}
