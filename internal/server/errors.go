package server

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/session"
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
	errSignUpClosed = errors.New("server: nobody may sign up")
)

// tooManyError refuses a try until wait has passed. bucket names the allowance
// that is used up.
type tooManyError struct {
	wait   time.Duration
	bucket string
}

func (e *tooManyError) Error() string { return "server: too many tries" }

// kind is what a kind of error is answered with: a status and a text, under
// "error_" + key + "_title" and "_text" in the locales.
type kind struct {
	is     error
	status int
	key    string
}

// kinds is the one table from errors to answers; the first match counts, and
// what is not in it is 500. Outside of it are only the errors whose answer is
// no error page: no session (the log-in page), wrong input (the form again).
var kinds = []kind{
	{errForbidden, http.StatusForbidden, "forbidden"},
	{errCrossOrigin, http.StatusForbidden, "cross_origin"},
	{user.ErrSetupCode, http.StatusForbidden, "setup_code"},
	{user.ErrSetupClosed, http.StatusNotFound, "not_found"},
	{errNotFound, http.StatusNotFound, "not_found"},
	{user.ErrNotFound, http.StatusNotFound, "not_found"},
	{session.ErrID, http.StatusNotFound, "not_found"},
	{errMethod, http.StatusMethodNotAllowed, "method"},
	{errBadForm, http.StatusBadRequest, "bad_request"},
	{errSelf, http.StatusConflict, "self"},
	{user.ErrLastAdmin, http.StatusConflict, "last_admin"},
	{user.ErrChanged, http.StatusConflict, "changed"},
	{user.ErrBusy, http.StatusServiceUnavailable, "busy"},
	{errHalfPassword, http.StatusServiceUnavailable, "half_password"},
	{session.ErrFull, http.StatusServiceUnavailable, "busy"},
	{session.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
}

// retryAfter is what an answer 503 asks clients to wait, in seconds.
const retryAfter = "2"

// kindOf returns the row of err.
func kindOf(err error) kind {
	var large *http.MaxBytesError
	var many *tooManyError
	switch {
	case errors.As(err, &large):
		return kind{err, http.StatusRequestEntityTooLarge, "too_large"}
	case errors.As(err, &many):
		return kind{err, http.StatusTooManyRequests, "too_many"}
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k
		}
	}
	return kind{err, http.StatusInternalServerError, "internal"}
}

// fail answers err: without a session with the way to the log-in page, else
// with the error page of its kind. It never touches the cookie, except to
// clear that of a session known to have ended (I6).
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	x.err = err
	var ended *session.EndedError
	if errors.As(err, &ended) {
		// A token that was replaced may come from a request that overtook the
		// answer carrying its successor: clearing would log the person out.
		if ended.Reason != session.Replaced {
			s.cookies.Forget(r.Context(), w)
		}
		s.sendToLogin(w, r, ended.Reason)
		return
	}
	if errors.Is(err, session.ErrNone) {
		s.sendToLogin(w, r, "")
		return
	}
	k := kindOf(err)
	w.Header().Set("Cache-Control", "no-store")
	switch k.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", waitSeconds(err))
	}
	s.sendError(w, r, k, err)
}

// waitSeconds returns how long a tooManyError asks to wait, rounded up.
func waitSeconds(err error) string {
	var many *tooManyError
	if !errors.As(err, &many) {
		return "1"
	}
	return strconv.Itoa(max(1, int(math.Ceil(many.wait.Seconds()))))
}

func (s *Server) sendError(w http.ResponseWriter, r *http.Request, k kind, err error) {
	t := s.translator(r)
	title := t.T("error_" + k.key + "_title")
	text := t.T("error_"+k.key+"_text", "Seconds", waitSeconds(err))
	if wantsJSON(r) {
		sendProblem(w, r, k.status, title, text)
		return
	}
	page := ErrorPage{Base: s.base(r, title, ""), Status: k.status, Message: text, BackURL: "/", Again: s.again(r, k)}
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
	a := &Again{Form: true}
	if from, err := url.Parse(r.Referer()); err == nil && from.Scheme == s.PublicURL.Scheme && from.Host == s.PublicURL.Host {
		a.URL = localPath(from.RequestURI())
		if isLoginPage(from.RequestURI()) || from.Path == "/login/choose" { // to which localPath does not lead back
			a.URL = loginURL(from.Query().Get("next"), "")
		}
	}
	return a
}

// sendToLogin answers a request without a live session: a page of ours leads to
// the log-in page and back, a client that asks for JSON is told 401.
func (s *Server) sendToLogin(w http.ResponseWriter, r *http.Request, why session.Reason) {
	w.Header().Set("Cache-Control", "no-store")
	if wantsJSON(r) {
		t := s.translator(r)
		sendProblem(w, r, http.StatusUnauthorized, t.T("error_unauthorized_title"), t.T("error_unauthorized_text"))
		return
	}
	next := "/mypage" // what was posted cannot be posted again by a link
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		next = r.URL.RequestURI()
	}
	_ = seeOther(w, loginURL(next, why)) // sets a header; cannot fail
}

// wantsJSON reports whether the client prefers JSON to a page.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

func (s *Server) notFound(http.ResponseWriter, *http.Request) error         { return errNotFound }
func (s *Server) methodNotAllowed(http.ResponseWriter, *http.Request) error { return errMethod }
