package server

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
)

// Introspection (RFC 7662) and revocation (RFC 7009): what other services ask.
// These speak as OAuth does, in forms and with its errors, because what asks is
// a library that knows nothing else. They know no cookie.

func isOAuth(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/oauth/") }

// badOAuth is errBadForm with what is wrong, in ASCII as RFC 6749 5.2 wants it.
// What was sent is not in it.
type badOAuth string

// Error implements error.
func (e badOAuth) Error() string { return "server: " + string(e) }

// Unwrap makes errors.Is(err, errBadForm) true.
func (badOAuth) Unwrap() error { return errBadForm }

// introspection is what a service is told of a token (RFC 7662 2.2): whose
// session, and nothing personal, not even the username. Scopes there are none.
type introspection struct {
	Active    bool       `json:"active"`
	TokenType string     `json:"token_type,omitempty"` // "Bearer", or "refresh_token", which no service may accept
	Issuer    string     `json:"iss,omitempty"`
	Audience  string     `json:"aud,omitempty"` // of an access token
	Subject   string     `json:"sub,omitempty"`
	ClientID  string     `json:"client_id,omitempty"`
	Session   session.ID `json:"sid,omitempty"`
	Role      string     `json:"role,omitempty"`
	ID        string     `json:"jti,omitempty"` // of an access token
	Issued    int64      `json:"iat,omitempty"` // seconds since 1970
	Expires   int64      `json:"exp,omitempty"` // likewise; of a refresh token when its session ends unless it is used
}

// introspect says whether a token counts now: whether it is one of ours, has not
// expired, and its session lives. For all that does not the answer is the same,
// so that a service learns nothing of what others hold (RFC 7662 2.2). It is not
// the person who asks, so the session's idle deadline does not move.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) error {
	_, text, err := s.oauthRequest(r)
	if err != nil {
		return err
	}
	one, says, err := s.holder(r.Context(), text)
	s.observeCheck(session.Bearer, err)
	switch {
	case countsForNothing(err):
		return reply(w, http.StatusOK, introspection{})
	case err != nil:
		return err
	}
	parties := s.Verifier.Parties()
	answer := introspection{
		Active: true, Issuer: parties.Issuer, ClientID: token.ClientID,
		Subject: string(one.User), Session: one.ID, Role: string(one.Role),
	}
	if says == nil {
		answer.TokenType = "refresh_token"
		answer.Issued, answer.Expires = one.Refresh.Rotated.Unix(), one.Ends().Unix()
	} else {
		answer.TokenType, answer.Audience, answer.ID = "Bearer", parties.Audience, says.ID
		answer.Issued, answer.Expires = says.Issued.Unix(), says.Expires.Unix()
	}
	return reply(w, http.StatusOK, answer)
}

// revoke ends the session that a token is of, all of it: an access token alone
// cannot be taken back, and a session without its refresh token is over anyway
// (RFC 7009 2.1 leaves both to the server). The service acts for the person, so
// this is a log-out. A token that counts for nothing is revoked already.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) error {
	service, text, err := s.oauthRequest(r)
	if err != nil {
		return err
	}
	one, _, err := s.holder(r.Context(), text)
	switch {
	case countsForNothing(err):
		return reply(w, http.StatusOK, struct{}{})
	case err != nil:
		return err
	}
	receipt, err := s.Sessions.End(r.Context(), []session.ID{one.ID}, session.Why{Reason: session.Logout, Actor: one.User})
	s.noteEnd(r, audit.Event{Kind: audit.Logout, User: one.User, Actor: one.User, Detail: audit.Detail{Service: service.ID}}, receipt, err)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct{}{})
}

// holder returns the live session that a token is of, and what an access token
// says; nil for a refresh token, which is not spent. What errors say that the
// token counts for nothing, countsForNothing knows.
func (s *Server) holder(ctx context.Context, text string) (one session.Session, says *token.Claims, err error) {
	if !strings.Contains(text, ".") { // no JWT: RFC 7515 7.1
		one, err = s.Sessions.CheckRefresh(ctx, text)
	} else {
		var c token.Claims
		if c, err = s.Verifier.Verify(ctx, text); err != nil {
			return one, nil, err
		}
		one, err = s.Sessions.Check(ctx, c.Session)
		if err == nil && (one.Carrier != session.Bearer || one.User != c.User) {
			err = token.ErrToken
		}
		says = &c
	}
	if err == nil {
		exchangeOf(ctx).session = one.ID
	}
	return one, says, err
}

// countsForNothing reports whether err says of a token that it does not count,
// as opposed to that nobody can tell.
func countsForNothing(err error) bool {
	var ended *session.EndedError
	return errors.Is(err, token.ErrToken) || errors.Is(err, session.ErrToken) || errors.As(err, &ended)
}

// oauthRequest returns which service asks, and about which token.
func (s *Server) oauthRequest(r *http.Request) (oauth.Client, string, error) {
	c, err := s.service(r)
	if err != nil {
		return c, "", err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil || media != "application/x-www-form-urlencoded":
		return c, "", badOAuth("the body has to be application/x-www-form-urlencoded")
	case r.URL.RawQuery != "": // which ends up in logs
		return c, "", badOAuth("parameters belong into the body")
	}
	if err := form(r); err != nil {
		return c, "", err
	}
	for _, values := range r.PostForm {
		if len(values) > 1 { // RFC 6749 3.2
			return c, "", badOAuth("a parameter is there more than once")
		}
	}
	text := r.PostForm.Get("token")
	if text == "" {
		return c, "", badOAuth("token is missing")
	}
	return c, text, nil // token_type_hint may be ignored: a token shows what it is
}

// service returns whose credentials the header Authorization holds (RFC 6749
// 2.3.1). oauth.ErrCredentials; *tooManyError after many wrong ones from one
// address. Whoever has the right ones is never held up by others at that
// address: what a secret of 256 bits needs is not that nobody tries, only that
// trying costs us little.
func (s *Server) service(r *http.Request) (oauth.Client, error) {
	if len(r.Header["Authorization"]) > 1 { // a proxy and this program could each take another
		return oauth.Client{}, badOAuth("there is more than one Authorization")
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return oauth.Client{}, oauth.ErrCredentials
	}
	id, badID := url.QueryUnescape(id)
	secret, badSecret := url.QueryUnescape(secret)
	c, err := oauth.Client{}, oauth.ErrCredentials
	if badID == nil && badSecret == nil {
		c, err = oauth.Authenticate(r.Context(), s.Clients, id, secret)
	}
	if errors.Is(err, oauth.ErrCredentials) {
		if held := s.take(r, limit.ClientSecret, limit.AddressKey(exchangeOf(r.Context()).ip)); held != nil {
			return oauth.Client{}, held
		}
	}
	return c, err
}

// oauthError is an error as OAuth has it (RFC 6749 5.2).
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// sendOAuthError answers with the error of a kind. Of the codes,
// temporarily_unavailable and server_error are from RFC 6749 4.1.2.1; the status
// says the same.
func sendOAuthError(w http.ResponseWriter, k kind, err error) {
	e := oauthError{Code: "invalid_request"}
	var bad badOAuth
	if errors.As(err, &bad) {
		e.Description = string(bad)
	}
	switch k.status {
	case http.StatusUnauthorized:
		e.Code = "invalid_client"
		w.Header().Set("WWW-Authenticate", `Basic realm="gatehouse", charset="UTF-8"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		e.Code = "temporarily_unavailable"
	case http.StatusInternalServerError:
		e.Code = "server_error"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(k.status)
	_ = json.NewEncoder(w).Encode(e) // strings; the client may be gone
}
