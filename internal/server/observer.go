package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
)

// Observer is told what requests come to, for the figures that an operator
// watches. Its methods are called on the way of every request, by many at once.
type Observer interface {
	// Answered: a request that went to route, one of Server.Patterns, has got its
	// answer. The method is one that HTTP knows, or "other".
	Answered(route, method string, status int, took time.Duration)
	// Checked: whether a request, or the token that another service asks about,
	// belongs to a live session.
	Checked(carrier session.Carrier, came session.Outcome)
	// LoggedIn: a log-in with a password, or one that goes on after the person
	// has chosen a device to log out. came is one of LogInOutcomes.
	LoggedIn(carrier session.Carrier, came string)
}

// noRoute stands for the route of a request that no route is for.
const noRoute = "-"

// Patterns returns what Observer.Answered can be told as the route: the patterns
// of all routes, and "-" for none.
func (s *Server) Patterns() []string {
	all := []string{noRoute}
	_ = chi.Walk(s.router, func(_, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		all = append(all, pattern)
		return nil
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// routeOf returns the pattern of the route that c has led to; noRoute if none.
func routeOf(c *chi.Context) string {
	if pattern := c.RoutePattern(); pattern != "" {
		return pattern
	}
	return noRoute
}

// observeCheck tells the observer of a check that came to err.
func (s *Server) observeCheck(carrier session.Carrier, err error) {
	if s.Observer == nil {
		return
	}
	came := session.OutcomeOf(err)
	if came == session.Failed && errors.Is(err, token.ErrToken) {
		came = session.Refused
	}
	s.Observer.Checked(carrier, came)
}

// carrierOf returns by which carrier r shows whose it is.
func carrierOf(r *http.Request) session.Carrier {
	if exchangeOf(r.Context()).byToken {
		return session.Bearer
	}
	return session.Cookie
}

// What a log-in can come to, beside errors by their key in kinds.
const (
	logInAccepted  = "accepted"
	logInCancelled = "cancelled" // whoever asked has gone
	logInFailed    = "failed"    // a fault of this program, or a form sent by another site
)

var logInOutcomes = []string{logInAccepted, "credentials", "too_many", "busy", "session_limit", "ticket", "login_again", "unavailable", logInCancelled, logInFailed}

// LogInOutcomes returns what Observer.LoggedIn can be told as the outcome.
func LogInOutcomes() []string { return slices.Clone(logInOutcomes) }

// observeLogIn tells the observer of a log-in that came to err.
func (s *Server) observeLogIn(carrier session.Carrier, err error) {
	if s.Observer == nil {
		return
	}
	if carrier == "" {
		carrier = session.Cookie
	}
	s.Observer.LoggedIn(carrier, logInOutcome(err))
}

func logInOutcome(err error) string {
	k := kindOf(err)
	switch {
	case err == nil:
		return logInAccepted
	case slices.Contains(logInOutcomes, k.key):
		return k.key
	case k.status == http.StatusServiceUnavailable: // an end that it takes could not be finished
		return "unavailable"
	case errors.Is(err, context.Canceled):
		return logInCancelled
	}
	return logInFailed
}
