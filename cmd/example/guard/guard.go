package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Caller is whose request it is. Nothing in it is personal: ids are random.
type Caller struct {
	User    string // "sub": the user's id
	Session string // "sid": the session's id; it opens nothing
	Role    string // "user" or "admin"
	Expires time.Time
}

// Checker says whose an access token is.
type Checker interface {
	// Check returns the caller. [ErrToken] if the token does not count;
	// [ErrUnavailable] if that cannot be told now.
	Check(ctx context.Context, token string) (Caller, error)
}

// What a Checker can say. Compare with errors.Is.
var (
	ErrToken       = errors.New("guard: the access token does not count")
	ErrUnavailable = errors.New("guard: it cannot be told whether the access token counts")
)

type callerKey struct{}

// CallerOf returns whose request it is, behind [Require].
func CallerOf(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Require lets requests through whose access token counts (RFC 6750 2.1: in the
// header Authorization and nowhere else). Others get 401 or 503 without a body;
// report, if not nil, is told why, for the log. It is never told a token.
func Require(c Checker, report func(*http.Request, error), next http.Handler) http.Handler {
	if report == nil {
		report = func(*http.Request, error) {}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		caller, err := c.Check(r.Context(), token)
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		case errors.Is(err, ErrToken):
			report(r, err)
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			report(r, err)
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

// bearer returns the one token that r brings. Of two headers nobody could say
// which counts.
func bearer(r *http.Request) (string, bool) {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// maxToken is how long a token may be, in bytes. Those of Gatehouse have some 600.
const maxToken = 4 << 10

// answerWithin bounds how long Gatehouse may take to answer.
const answerWithin = 2 * time.Second

// newClient returns a client that goes where it is sent and nowhere else: a
// redirect could take the credentials along.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       answerWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// issuerURL checks the public URL of a Gatehouse, which is the issuer of its
// tokens to the letter. Keys and answers that anybody on the way could replace
// would be worth nothing, so plain http is for this machine alone.
func issuerURL(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || issuer != u.Scheme+"://"+u.Host {
		return fmt.Errorf("guard: the issuer %q is not the public URL of a Gatehouse, such as https://id.example.com", issuer)
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	if u.Scheme != "https" && !(u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback())) {
		return fmt.Errorf("guard: the issuer %q has to be https", issuer)
	}
	return nil
}

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, fmt.Errorf(format, args...))
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrToken, fmt.Errorf(format, args...))
}
