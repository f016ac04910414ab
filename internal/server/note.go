package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// note writes to the audit log. What has happened has happened: if the log
// cannot be written the request still succeeds, and the program's log says so.
func (s *Server) note(r *http.Request, e audit.Event) {
	x := exchangeOf(r.Context())
	e.At = s.Now()
	e.IP = x.ip
	if e.Device == "" {
		e.Device = deviceOf(r.UserAgent()).String()
	}
	if err := s.Audit.Append(r.Context(), e); err != nil {
		s.Log.ErrorContext(r.Context(), "audit log", "request", x.id, "kind", e.Kind, "user", e.User, "error", err.Error())
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
