package server

import (
	"context"
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// note writes to the audit log. What has happened has happened: it is noted also
// if the client has gone away, who could else keep anything out of the log; and if
// the log cannot be written the request still succeeds, and the program's log says
// so.
func (s *Server) note(r *http.Request, e audit.Event) {
	x := exchangeOf(r.Context())
	e.At = s.Now()
	e.IP = x.ip
	if e.Device == "" {
		e.Device = deviceOf(r.UserAgent()).String()
	}
	if err := s.Audit.Append(context.WithoutCancel(r.Context()), e); err != nil {
		s.Log.ErrorContext(r.Context(), "audit log", "request", x.requestID(), "kind", e.Kind, "user", e.User, "error", err.Error())
	}
}

// noteEnd is note for an end with what came of it. One that failed halfway is
// noted as well: part of it may count. That note does not keep the answer
// waiting, for the database may be what failed.
func (s *Server) noteEnd(r *http.Request, e audit.Event, receipt session.Receipt, err error) {
	e.Detail.Ended, e.Detail.Partial = receipt.Ended, err != nil
	if err != nil {
		s.afterwards(r, func(r *http.Request) { s.note(r, e) })
		return
	}
	s.note(r, e)
}

// noteRoom records the end, for a log-in of u, of one of u's sessions, and who
// chose it. err says that it may not be finished.
func (s *Server) noteRoom(r *http.Request, u user.ID, one session.Session, chosen audit.Room, err error) {
	ended := 1
	if err != nil {
		ended = 0
	}
	s.noteEnd(r, audit.Event{Kind: audit.SessionEnded, User: u, Actor: u,
		Detail: audit.Detail{Room: chosen, Target: one.Name()}}, session.Receipt{Ended: ended}, err)
}

// noteFull records a log-in with the right password that found no room, and
// whether the person was asked which session is to end.
func (s *Server) noteFull(r *http.Request, u user.ID, asked bool) {
	s.note(r, audit.Event{Kind: audit.LoginFull, User: u, Actor: u, Detail: audit.Detail{Asked: asked}})
}

// noteRefusedSignUp records a sign-up that err refused, except for what is a
// mistake in the form: what anybody can cause at will, so each client now and
// then.
func (s *Server) noteRefusedSignUp(r *http.Request, err error) {
	e := audit.Event{Kind: audit.SignUpRefused}
	bucket := "signup " + limit.AddressKey(exchangeOf(r.Context()).ip)
	var many *tooManyError
	switch {
	case errors.Is(err, errSignUpClosed):
		e.Detail.Refused = audit.RefusedClosed
	case taken(err):
		e.Detail.Refused = audit.RefusedTaken
	case errors.As(err, &many):
		e.Detail.Refused, bucket = audit.RefusedMany, many.bucket
	default:
		return
	}
	if s.mayNote(r, bucket) {
		s.note(r, e)
	}
}

// notePassword records a change of u's own password that err refused, where that
// looks like somebody at an open session who does not know the password.
func (s *Server) notePassword(r *http.Request, u user.ID, err error) {
	e := audit.Event{Kind: audit.PasswordFailed, User: u, Actor: u}
	var many *tooManyError
	switch {
	case wrongCurrent(err):
	case errors.As(err, &many) && s.mayNote(r, many.bucket):
		e.Kind = audit.PasswordLimited
	default:
		return
	}
	s.note(r, e)
}

// noteFailedLogin records a failed try. For an account that exists each one
// counts. What was typed where there is none stays out of the log, because
// people type passwords into the wrong field; that somebody tries names is
// worth knowing all the same.
func (s *Server) noteFailedLogin(r *http.Request, err error) {
	var failed *user.CredentialsError
	if !errors.As(err, &failed) {
		return
	}
	e := audit.Event{Kind: audit.LoginFailed, User: failed.User}
	if e.User == "" && !s.mayNote(r, "nobody "+limit.AddressKey(exchangeOf(r.Context()).ip)) {
		return
	}
	s.note(r, e)
}

// noteLimitedLogin records a try at login that was refused unread.
func (s *Server) noteLimitedLogin(r *http.Request, login string, err error) {
	var many *tooManyError
	if !errors.As(err, &many) || !s.mayNote(r, many.bucket) {
		return
	}
	e := audit.Event{Kind: audit.LoginLimited}
	if key, ok := user.LoginKey(login); ok {
		if u, err := s.UserStore.ByLogin(r.Context(), key); err == nil {
			e.User = u.ID
		}
	}
	s.note(r, e)
}

// mayNote reports whether what a visitor can cause at will may be noted once
// more: each bucket once a minute, and all together so rarely that a flood from
// many networks cannot fill the log. Each node counts for itself, and also with
// limits off.
func (s *Server) mayNote(r *http.Request, bucket string) bool {
	for _, try := range []struct {
		rule limit.Rule
		key  string
	}{{limit.AuditBucket, bucket}, {limit.AuditFlood, ""}} {
		if wait, err := s.noted.Take(r.Context(), try.rule, try.key); err != nil || wait > 0 {
			return false
		}
	}
	return true
}
