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
	started, err := s.cookies.Start(r.Context(), w, n)
	if err != nil {
		return err
	}
	exchangeOf(r.Context()).session = started.ID
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
	_, err = s.Sessions.End(ctx, []session.ID{previous.ID}, session.Why{Reason: session.Replaced, Actor: u.ID})
	return err
}

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

// noteFailedLogin records a failed try on an account that exists.
func (s *Server) noteFailedLogin(r *http.Request, err error) {
	var failed *user.CredentialsError
	if errors.As(err, &failed) && failed.User != "" {
		s.note(r, audit.Event{Kind: audit.LoginFailed, User: failed.User})
	}
}
