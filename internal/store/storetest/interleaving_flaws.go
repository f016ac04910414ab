package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Flaw is something wrong with a store, as it is with stores that look right.
type Flaw struct {
	Name string
	// In returns what a program on the backend has then. Each call that it makes
	// of what it was given is a step, or more.
	In func(Sessions) Sessions
	// Refresh: it shows where refresh tokens are used.
	Refresh bool
}

// RunFlawedInterleavings shows that RunInterleavings finds what it is there to
// find: every flaw, those known here and more, breaks an invariant in some order.
func RunFlawedInterleavings(t *testing.T, open func(t *testing.T) Interleaved, more ...Flaw) {
	for _, flaw := range slices.Concat(flaws, refreshFlaws, more) {
		t.Run(flaw.Name, func(t *testing.T) {
			h := newHouse(t, open(t), flaw.In)
			cases, orders := interleavings(), 0
			if flaw.Refresh {
				cases = refreshInterleavings()
			}
			for _, c := range cases {
				n, found := h.play(c, true)
				orders += n
				if len(found) > 0 {
					t.Logf("found in %s, after %d orders: %s", c, orders, found[0])
					return
				}
			}
			t.Errorf("not found in %d orders", orders)
		})
	}
}

var flaws = []Flaw{
	{Name: "I1_ARenewalInTwoSteps", In: func(s Sessions) Sessions { s.Store = twoStepRenewal{s.Store}; return s }},
	{Name: "I1_ACheckThatRemembers", In: func(s Sessions) Sessions {
		s.Store = &rememberingCheck{s.Store, map[session.ID]session.Session{}}
		return s
	}},
	{Name: "I2_AnEndThatIsRecordedLast", In: func(s Sessions) Sessions {
		l := &lateLedger{Ledger: s.Ledger}
		s.Ledger, s.Store = l, recordingEnd{s.Store, l}
		return s
	}},
	{Name: "I3_AnEndOfAUserThatOnlyEndsWhatItLists", In: func(s Sessions) Sessions { s.Store = listingEnd{s.Store}; return s }},
	{Name: "I4_ALogInThatReadsTheEpochAgain", In: func(s Sessions) Sessions { s.Store = forgivingStart{s.Store, s.Users}; return s }},
	{Name: "ALimitThatIsCountedBefore", In: func(s Sessions) Sessions { s.Store = countedStart{s.Store}; return s }},
}

// twoStepRenewal creates the new before it ends the old, which points nowhere.
type twoStepRenewal struct{ session.Store }

func (s twoStepRenewal) Renew(ctx context.Context, old, next session.Session) error {
	if _, err := s.Find(ctx, old.ID); err != nil {
		return err
	}
	if err := s.Start(ctx, session.Start{Session: next}); err != nil {
		return err
	}
	_, err := s.End(ctx, []session.ID{old.ID}, session.Why{Reason: session.Replaced}, next.LastSeen)
	return err
}

// rememberingCheck asks the store once for each session.
type rememberingCheck struct {
	session.Store
	seen map[session.ID]session.Session
}

func (s *rememberingCheck) Find(ctx context.Context, id session.ID) (session.Session, error) {
	if found, ok := s.seen[id]; ok {
		return found, nil
	}
	found, err := s.Store.Find(ctx, id)
	if err == nil {
		s.seen[id] = found
	}
	return found, err
}

// lateLedger and recordingEnd turn ledger and store round.
type lateLedger struct {
	session.Ledger
	late func() error
}

func (l *lateLedger) RecordEnd(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (session.Span, error) {
	l.late = func() error {
		_, err := l.Ledger.RecordEnd(ctx, ids, why, now)
		return err
	}
	return session.Span{}, nil
}

type recordingEnd struct {
	session.Store
	ledger *lateLedger
}

func (s recordingEnd) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (int, error) {
	n, err := s.Store.End(ctx, ids, why, now)
	if err != nil || s.ledger.late == nil {
		return n, err
	}
	return n, s.ledger.late()
}

// listingEnd tells no log-in that is under way.
type listingEnd struct{ session.Store }

func (s listingEnd) EndUser(ctx context.Context, u user.ID, _ user.Epoch, keep session.ID, why session.Why, now time.Time) (int, error) {
	list, err := s.ListUser(ctx, u, now)
	var ids []session.ID
	for _, one := range list {
		if one.ID != keep {
			ids = append(ids, one.ID)
		}
	}
	if err != nil {
		return 0, err
	}
	return s.End(ctx, ids, why, now)
}

// forgivingStart takes the epoch of now for that of the log-in.
type forgivingStart struct {
	session.Store
	users user.Store
}

func (s forgivingStart) Start(ctx context.Context, start session.Start) error {
	u, err := s.users.ByID(ctx, start.Session.User)
	if err != nil {
		return err
	}
	start.Session.Epoch = u.Epoch
	return s.Store.Start(ctx, start)
}

// countedStart counts in one step and creates in another.
type countedStart struct{ session.Store }

func (s countedStart) Start(ctx context.Context, start session.Start) error {
	limit := start.Limit
	start.Limit = 0
	if limit == 0 {
		return s.Store.Start(ctx, start)
	}
	list, err := s.ListUser(ctx, start.Session.User, start.Session.Began)
	if err != nil {
		return err
	}
	if len(list) >= limit {
		full := &session.LimitError{}
		for i := len(list) - 1; i >= limit-1; i-- {
			full.Oldest = append(full.Oldest, list[i].ID)
		}
		return full
	}
	return s.Store.Start(ctx, start)
}
