package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestOutcomeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Outcome
		word string
	}{
		{nil, Accepted, "accepted"},
		{ErrNone, NoToken, "none"},
		{ErrToken, Refused, "refused"},
		{ErrCarrier, Refused, "refused"},
		{&EndedError{Reason: Logout}, Ended, "ended"},
		{&ReuseError{}, Ended, "ended"},
		{&EndedError{Reason: Expired}, TimedOut, "expired"},
		{fmt.Errorf("%w: redis: gone", ErrUnavailable), Unavailable, "unavailable"},
		{&ReuseError{Err: &EndError{Undone: ErrUnavailable}}, Unavailable, "unavailable"},
		{context.DeadlineExceeded, Unavailable, "unavailable"},
		{context.Canceled, Cancelled, "cancelled"},
		{ErrUnreadable, Failed, "failed"},
		{errors.New("no idea"), Failed, "failed"},
	} {
		if got := OutcomeOf(c.err); got != c.want || got.String() != c.word {
			t.Errorf("%v: %v, want %s", c.err, got, c.word)
		}
	}
}
