package server

import (
	"errors"
	"net/http"
	"strings"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
)

// Access tokens (RFC 6750) are for the API alone. On a page the header
// Authorization says nothing: pages keep messages in a session, lead to a form
// where one has ended and change things by forms, all of which is for browsers,
// and a proxy in front may use that header for a password of its own.

// hasAuthorization reports whether r has the header, even empty. On the API it
// then decides alone, so that nobody has to guess whose the request is: the
// cookie is neither read nor cleared.
func hasAuthorization(r *http.Request) bool { return len(r.Header["Authorization"]) > 0 }

// accessToken returns the token in the header Authorization. session.ErrNone if
// there is none or it is of another scheme; token.ErrToken if it is malformed.
func accessToken(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) == 0:
		return "", session.ErrNone
	case len(values) > 1: // a proxy and this program could each take another
		return "", &token.RefusedError{Reason: "more than one Authorization"}
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110, section 11.1: in any case
		return "", session.ErrNone
	}
	return strings.TrimLeft(text, " "), nil
}

// showsToken reports whether r is judged by an access token, whatever that is
// worth.
func showsToken(r *http.Request) bool {
	_, err := accessToken(r)
	return exchangeOf(r.Context()).byToken && !errors.Is(err, session.ErrNone)
}

// carriedByToken is carried for the header Authorization. The token says which
// session it is, and whether that lives the store says, as for a cookie; so does
// the role.
func (s *Server) carriedByToken(r *http.Request, v *session.Visit) error {
	text, err := accessToken(r)
	if err != nil {
		return err
	}
	says, err := s.Verifier.Verify(r.Context(), text)
	if err != nil {
		return err
	}
	err = s.Sessions.EnterBearer(says.Session, says.User, v)
	switch {
	case errors.Is(err, session.ErrCarrier):
		return &token.RefusedError{Reason: "it names a session in a cookie"}
	case errors.Is(err, session.ErrUser):
		return &token.RefusedError{Reason: "it names a session of another user"}
	}
	return err
}

// forget leaves nothing of the request's session, which has ended: neither to
// commit nor in the cookie, if it came in one.
func (s *Server) forget(w http.ResponseWriter, r *http.Request) {
	if exchangeOf(r.Context()).byToken {
		session.Leave(r.Context())
		return
	}
	s.cookies.Forget(r.Context(), w)
}

// challenge says on an answer 401 of the API how to do better (RFC 6750, section
// 3): a token that was shown and does not count is worth a refresh.
func challenge(w http.ResponseWriter, r *http.Request, status int, err error) {
	if status != http.StatusUnauthorized || !isAPI(r) {
		return
	}
	how := "Bearer"
	var ended *session.EndedError
	if showsToken(r) && (errors.Is(err, token.ErrToken) || errors.As(err, &ended)) {
		how += ` error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", how)
}
