package session

import (
	"context"
	"errors"
)

// Outcome is what a check came to.
type Outcome uint8

// The outcomes of a check.
const (
	Accepted    Outcome = iota // the session lives
	NoToken                    // nothing was shown, or nothing that could be a token
	Refused                    // what was shown is no token that counts
	Ended                      // the session has ended
	TimedOut                   // a deadline has passed, or nothing is left of the session
	Unavailable                // the store did not answer
	Cancelled                  // whoever asked has gone
	Failed                     // anything else, a fault of this program

	// Outcomes is how many there are.
	Outcomes = iota
)

var outcomes = [Outcomes]string{"accepted", "none", "refused", "ended", "expired", "unavailable", "cancelled", "failed"}

// String returns the outcome in one word.
func (o Outcome) String() string { return outcomes[o] }

// OutcomeOf returns what a check came to that returned err. What other packages
// call no token is theirs to know: it is Failed here.
func OutcomeOf(err error) Outcome {
	if err == nil { // first: nearly every check
		return Accepted
	}
	var ended *EndedError
	switch {
	case errors.As(err, &ended) && ended.Reason == Expired:
		return TimedOut
	case ended != nil:
		return Ended
	case errors.Is(err, ErrNone):
		return NoToken
	case errors.Is(err, ErrToken), errors.Is(err, ErrCarrier):
		return Refused
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	case errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Failed
}
