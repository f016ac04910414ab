package server

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/oauth"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// Errors that arise in this package.
var (
	errForbidden    = errors.New("server: not an administrator")
	errCrossOrigin  = errors.New("server: request comes from another site")
	errNotFound     = errors.New("server: no such page")
	errMethod       = errors.New("server: method not allowed")
	errBadForm      = errors.New("server: form cannot be read")
	errSelf         = errors.New("server: administrators cannot do this to themselves")
	errHalfPassword = errors.New("server: password changed, other sessions not ended")
	errSignUpClosed = errors.New("server: sign-up is closed")
	errMediaType    = errors.New("server: the body is not application/json")
	errBadJSON      = errors.New("server: the body cannot be read as JSON")
	errInvalid      = errors.New("server: some of the input is not valid")
)

// tooManyError refuses a try until wait has passed. bucket names the allowance
// that is used up.
type tooManyError struct {
	wait   time.Duration
	bucket string
}

func (e *tooManyError) Error() string { return "server: too many tries" }

// kind is what a kind of error is answered with: a status and a text, under
// "error_" + key + "_title" and "_text" in the locales, or for programs under
// "problem_" + key where those speak of pages.
type kind struct {
	is     error
	status int
	key    string
}

// kinds is the one table from errors to answers, of pages and of the API; the
// first match counts, and what is not in it is 500. A page has a better answer
// than an error page to no session (the log-in page) and to wrong input (the
// form again).
var kinds = []kind{
	{session.ErrNone, http.StatusUnauthorized, "unauthorized"},
	{token.ErrToken, http.StatusUnauthorized, "access_token"},
	{session.ErrToken, http.StatusUnauthorized, "refresh_token"},
	{user.ErrCredentials, http.StatusUnauthorized, "credentials"},
	{oauth.ErrCredentials, http.StatusUnauthorized, "credentials"},
	{errForbidden, http.StatusForbidden, "forbidden"},
	{errCrossOrigin, http.StatusForbidden, "cross_origin"},
	{user.ErrSetupCode, http.StatusForbidden, "setup_code"},
	{user.ErrSetupClosed, http.StatusNotFound, "not_found"},
	{errNotFound, http.StatusNotFound, "not_found"},
	{user.ErrNotFound, http.StatusNotFound, "not_found"},
	{session.ErrID, http.StatusNotFound, "not_found"},
	{errMethod, http.StatusMethodNotAllowed, "method"},
	{errBadForm, http.StatusBadRequest, "bad_request"},
	{errBadJSON, http.StatusBadRequest, "bad_json"},
	{errMediaType, http.StatusUnsupportedMediaType, "media_type"},
	{errInvalid, http.StatusUnprocessableEntity, "invalid"},
	{session.ErrNoFilter, http.StatusUnprocessableEntity, "no_filter"},
	{session.ErrFilterMix, http.StatusUnprocessableEntity, "filter_mix"},
	{errSignUpClosed, http.StatusForbidden, "signup_closed"},
	{session.ErrEpoch, http.StatusConflict, "login_again"},
	{session.ErrLimit, http.StatusConflict, "session_limit"},
	{errTicket, http.StatusConflict, "ticket"},
	{errSelf, http.StatusConflict, "self"},
	{user.ErrLastAdmin, http.StatusConflict, "last_admin"},
	{user.ErrChanged, http.StatusConflict, "changed"},
	{user.ErrBusy, http.StatusServiceUnavailable, "busy"},
	{errHalfPassword, http.StatusServiceUnavailable, "half_password"},
	{session.ErrFull, http.StatusServiceUnavailable, "busy"},
	{session.ErrUnrecorded, http.StatusServiceUnavailable, "end_unrecorded"},
	{session.ErrUndone, http.StatusServiceUnavailable, "end_undone"},
	{session.ErrUnfinished, http.StatusServiceUnavailable, "end_unfinished"},
	{session.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
}

// statusClientGone is for the log: nobody gets an answer whose connection has
// closed. The number is nginx's for the same.
const statusClientGone = 499

// retryAfter is what an answer 503 asks clients to wait, in seconds.
const retryAfter = "2"

// kindOf returns the row of err.
func kindOf(err error) kind {
	var large *http.MaxBytesError
	var many *tooManyError
	var ended *session.EndedError
	var invalid user.Invalid
	switch {
	case errors.As(err, &large):
		return kind{err, http.StatusRequestEntityTooLarge, "too_large"}
	case errors.As(err, &many):
		return kind{err, http.StatusTooManyRequests, "too_many"}
	case errors.As(err, &ended):
		return kind{err, http.StatusUnauthorized, "session_ended"}
	case errors.As(err, &invalid):
		return kind{err, http.StatusUnprocessableEntity, "invalid"}
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k
		}
	}
	return kind{err, http.StatusInternalServerError, "internal"}
}

// fail answers err: without a session with the way to the log-in page, else
// with the error page of its kind, and a program with a problem. It never
// touches the cookie, except to clear that of a session known to have ended (I6).
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	exchangeOf(r.Context()).err = err
	if r.Context().Err() != nil {
		w.WriteHeader(statusClientGone)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	var ended *session.EndedError
	if errors.As(err, &ended) && ended.Reason != session.Replaced {
		// A token that was replaced may come from a request that overtook the
		// answer carrying its successor: clearing would log the person out.
		s.forget(w, r)
	}
	k := kindOf(err)
	switch k.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", waitSeconds(err))
	}
	switch {
	case isOAuth(r):
		sendOAuthError(w, k, err)
	case wantsJSON(r):
		challenge(w, r, k.status, err)
		s.sendProblem(w, r, k, err)
	case ended != nil:
		s.sendToLogin(w, r, ended.Reason)
	case errors.Is(err, session.ErrNone):
		s.sendToLogin(w, r, "")
	default:
		s.sendErrorPage(w, r, k, err)
	}
}

// waitSeconds returns how long a tooManyError asks to wait, rounded up.
func waitSeconds(err error) string {
	var many *tooManyError
	if !errors.As(err, &many) {
		return "1"
	}
	return strconv.Itoa(max(1, int(math.Ceil(many.wait.Seconds()))))
}

// placeholders returns what the texts of the table may say of err.
func (t *translator) placeholders(err error) []any {
	return []any{"Seconds", waitSeconds(err), "Ended", t.endedSoFar(err)}
}

// endedSoFar returns how many sessions an end has ended that could not be
// finished: all there is of a receipt.
func (t *translator) endedSoFar(err error) string {
	var half *session.EndError
	if !errors.As(err, &half) {
		return ""
	}
	return t.T("count_sessions", "Count", half.Receipt.Ended)
}

func (s *Server) sendErrorPage(w http.ResponseWriter, r *http.Request, k kind, err error) {
	t := s.translator(r)
	page := ErrorPage{
		Base:    s.base(r, t.T("error_"+k.key+"_title"), Section{}),
		Status:  k.status,
		Message: t.T("error_"+k.key+"_text", t.placeholders(err)...),
		BackURL: "/",
		Again:   s.again(r, k),
	}
	if err := s.views.render(w, k.status, "error", page); err != nil {
		s.Log.ErrorContext(r.Context(), "error page", "request", page.RequestID, "error", err.Error())
	}
}

// again says how to repeat a request that failed for want of a store, or of
// time. A form cannot be sent again by a link; the page that it is on can be
// shown again.
func (s *Server) again(r *http.Request, k kind) *Again {
	if k.status != http.StatusServiceUnavailable || k.is == errHalfPassword {
		return nil // a changed password is not changed again
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return &Again{URL: localPath(r.URL.RequestURI())}
	}
	a := &Again{Form: true, Unsure: k.is == session.ErrUnavailable}
	if from, err := url.Parse(r.Referer()); err == nil && from.Scheme == s.PublicURL.Scheme && from.Host == s.PublicURL.Host {
		a.URL = localPath(from.RequestURI())
		if isLoginPage(from.RequestURI()) || from.Path == "/login/choose" { // to which localPath does not lead back
			a.URL = loginURL(from.Query().Get("next"), "")
		}
	}
	return a
}

// sendToLogin leads to the log-in page and back.
func (s *Server) sendToLogin(w http.ResponseWriter, r *http.Request, why session.Reason) {
	next := "/mypage" // what was posted cannot be posted again by a link
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		next = r.URL.RequestURI()
	}
	_ = seeOther(w, loginURL(next, why)) // sets a header; cannot fail
}

// wantsJSON reports whether the client is a program: everything below /api, and
// whoever prefers JSON to a page.
func wantsJSON(r *http.Request) bool {
	if isAPI(r) {
		return true
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

func (s *Server) notFound(http.ResponseWriter, *http.Request) error { return errNotFound }

// methodNotAllowed says which methods there are (RFC 9110, section 15.5.6).
func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	routes, path := chi.RouteContext(r.Context()).Routes, r.URL.RawPath // as the router sees it
	if path == "" {
		path = r.URL.Path
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		asked := method
		if method == http.MethodHead { // answered wherever GET is
			asked = http.MethodGet
		}
		if routes.Match(chi.NewRouteContext(), asked, path) {
			w.Header().Add("Allow", method)
		}
	}
	s.fail(w, r, errMethod)
}
