package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
)

// tokens returns what a program gets for its session: an access token, and the
// refresh token that brings the next one.
func (s *Server) tokens(one session.Session, refresh string) (*apiTokens, error) {
	access, says, err := s.Issuer.Issue(one)
	if err != nil {
		return nil, err
	}
	return &apiTokens{
		AccessToken:  access,
		TokenType:    "Bearer",
		ExpiresIn:    max(0, int64(says.Expires.Sub(says.Issued).Seconds())),
		RefreshToken: refresh,
		SessionID:    one.ID,
	}, nil
}

type refreshBody struct {
	RefreshToken string `json:"refresh_token"`
}

// apiRefresh spends a refresh token for new tokens. It is in the body, where no
// log and no browser history keeps it; headers say nothing here, so it needs no
// live access token.
func (s *Server) apiRefresh(w http.ResponseWriter, r *http.Request) error {
	x := exchangeOf(r.Context())
	x.byToken = true
	var b refreshBody
	if err := decode(r, &b); err != nil {
		return err
	}
	if err := s.takeRefresh(r, b.RefreshToken); err != nil {
		return err
	}
	if err := s.Issuer.Ready(); err != nil { // before the token is spent
		return err
	}
	one, next, err := s.Sessions.Refresh(r.Context(), b.RefreshToken)
	var reuse *session.ReuseError
	if errors.As(err, &reuse) {
		s.noteReuse(r, reuse)
	}
	if err != nil {
		return err
	}
	x.session = one.ID
	given, err := s.tokens(one, next)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, given)
}

// noteReuse records that a spent refresh token has ended its session. By whom it
// was shown, the owner or a thief, nobody knows.
func (s *Server) noteReuse(r *http.Request, e *session.ReuseError) {
	s.noteEnd(r, audit.Event{Kind: audit.TokenReuse, User: e.Session.User,
		Detail: audit.Detail{Target: e.Session.Name()}}, e.Receipt, e.Err)
}
