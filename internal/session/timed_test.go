package session

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"testing"
	"time"

	"gatehouse/internal/user"
)

var errSlow = errors.New("what the store returned")

// slow is a store, and a ledger, of which everything takes a second by its clock
// and fails.
type slow struct{ clock *time.Time }

func (s slow) take() error { *s.clock = s.clock.Add(time.Second); return errSlow }

func (s slow) Start(context.Context, Start) error                              { return s.take() }
func (s slow) Find(context.Context, ID) (Session, error)                       { return Session{}, s.take() }
func (s slow) Save(context.Context, Session, []byte, time.Time) error          { return s.take() }
func (s slow) Touch(context.Context, Session, time.Time) error                 { return s.take() }
func (s slow) Rotate(context.Context, Rotate) (Session, error)                 { return Session{}, s.take() }
func (s slow) Renew(context.Context, Session, Session) error                   { return s.take() }
func (s slow) End(context.Context, []ID, Why, time.Time) (int, error)          { return 0, s.take() }
func (s slow) EndAll(context.Context, user.Epoch, Why, time.Time) (int, error) { return 0, s.take() }
func (s slow) ListUser(context.Context, user.ID, time.Time) ([]Session, error) { return nil, s.take() }
func (s slow) Scan(context.Context, time.Time, func(Session) error) error      { return s.take() }
func (s slow) Applied(context.Context, Span) error                             { return s.take() }
func (s slow) Confirm(context.Context) (Nodes, error)                          { return Nodes{}, s.take() }
func (s slow) Ping(context.Context) error                                      { return s.take() }
func (s slow) RecordEnd(context.Context, []ID, Why, time.Time) (Span, error)   { return Span{}, s.take() }
func (s slow) Head(context.Context) (int64, error)                             { return 0, s.take() }
func (s slow) After(context.Context, int64, int) ([]Entry, error)              { return nil, s.take() }
func (s slow) EndRecorded(context.Context, []ID, Why, time.Time) (int, error)  { return 0, s.take() }
func (s slow) AtOnce() int                                                     { return 1 }
func (s slow) RenewRecorded(_ context.Context, _, _ Session, _ Why) error      { return s.take() }
func (s slow) Records(l Ledger) bool                                           { return l == Ledger(s) }
func (s slow) EndUser(context.Context, user.ID, user.Epoch, ID, Why, time.Time) (int, error) {
	return 0, s.take()
}
func (s slow) RaiseUser(context.Context, user.ID, ID, Why, time.Time) (user.Epoch, Span, error) {
	return user.Epoch{}, Span{}, s.take()
}
func (s slow) RaiseAll(context.Context, Why, time.Time) (user.Epoch, Span, error) {
	return user.Epoch{}, Span{}, s.take()
}

// alone is a store that shares no database with anybody.
type alone struct{ Store }

// told is a timer.
type told struct {
	t   *testing.T
	ops []Operation
}

func (n *told) Timed(op Operation, took time.Duration, err error) {
	n.ops = append(n.ops, op)
	if took != time.Second || !errors.Is(err, errSlow) {
		n.t.Errorf("%v took %v and returned %v", op, took, err)
	}
}

// timedBy calls every method of the interface I on what takes a second each, and
// returns what the timer was told of which.
func (n *told) timedBy(what reflect.Value, of reflect.Type) map[string]Operation {
	all := map[string]Operation{}
	for method := range of.Methods() {
		call := what.MethodByName(method.Name)
		var args []reflect.Value
		for in := range call.Type().Ins() {
			arg := reflect.Zero(in)
			if in == reflect.TypeFor[context.Context]() {
				arg = reflect.ValueOf(context.Background())
			}
			args = append(args, arg)
		}
		before := len(n.ops)
		call.Call(args)
		switch told := n.ops[before:]; len(told) {
		case 0:
		case 1:
			all[method.Name] = told[0]
		default:
			n.t.Errorf("%s is told as %v", method.Name, told)
		}
	}
	return all
}

// Everything that is asked of a store or of the ledger is timed once, as what it
// is, and what they return comes back. A method that is added to the contract has
// to be added here.
func TestEveryOperationIsTimed(t *testing.T) {
	clock := time.Now()
	now := func() time.Time { return clock }
	store := map[string]Operation{
		"Find": OpCheck, "Start": OpStart, "Renew": OpStart, "Save": OpWrite, "Touch": OpWrite, "Rotate": OpWrite,
		"End": OpEnd, "EndUser": OpEnd, "EndAll": OpEnd, "ListUser": OpList, "Scan": OpScan,
	}
	both := maps.Clone(store)
	both["EndRecorded"], both["RenewRecorded"] = OpEnd, OpStart
	ledger := map[string]Operation{"RecordEnd": OpRecord, "RaiseUser": OpRecord, "RaiseAll": OpRecord, "Head": OpFollow, "After": OpFollow}
	n := &told{t: t}
	for name, c := range map[string]struct {
		what any
		of   reflect.Type
		want map[string]Operation
	}{
		"a store":               {TimedStore(alone{slow{&clock}}, now, n), reflect.TypeFor[Store](), store},
		"one beside the ledger": {TimedStore(slow{&clock}, now, n), reflect.TypeFor[Together](), both},
		"the ledger":            {TimedLedger(slow{&clock}, now, n), reflect.TypeFor[Ledger](), ledger},
	} {
		if got := n.timedBy(reflect.ValueOf(c.what), c.of); !maps.Equal(got, c.want) {
			t.Errorf("of %s is timed\n%v, want\n%v", name, got, c.want)
		}
		if untimed := c.of.NumMethod() - len(c.want); name == "a store" && untimed != 3 {
			t.Errorf("%d methods of %s are not timed; Applied, Confirm and Ping need not be", untimed, name)
		}
	}
}

// Where sessions and ledger share a database an end stays one transaction, timed
// or not, and only there.
func TestTimedTogether(t *testing.T) {
	clock := time.Now()
	n := &told{t: t}
	of := slow{&clock}
	if _, ok := enderFor(TimedStore(of, time.Now, n), TimedLedger(of, time.Now, n)).(oneStep); !ok {
		t.Error("an end takes two steps")
	}
	if _, ok := enderFor(TimedStore(of, time.Now, n), TimedLedger(slow{new(time.Time)}, time.Now, n)).(twoSteps); !ok {
		t.Error("another ledger passes for the one in the same database")
	}
	if _, ok := enderFor(TimedStore(alone{of}, time.Now, n), TimedLedger(of, time.Now, n)).(twoSteps); !ok {
		t.Error("a store without a ledger passes for one with")
	}
}

// counted is an observer.
type counted struct {
	ended     map[Reason]int
	confirmed []Nodes
	took      []time.Duration
}

func (c *counted) Ended(why Reason, n int) { c.ended[why] += n }

func (c *counted) Confirmed(nodes Nodes, took time.Duration) {
	c.confirmed, c.took = append(c.confirmed, nodes), append(c.took, took)
}

// asked is a store whose nodes confirm after a second.
type asked struct {
	slow
	nodes Nodes
}

func (a asked) Confirm(context.Context) (Nodes, error) {
	a.take()
	return a.nodes, nil
}

func (a asked) End(_ context.Context, ids []ID, _ Why, _ time.Time) (int, error) {
	a.take()
	return len(ids) - 1, nil // one was gone
}

// recorded is a ledger that takes no time.
type recorded struct{ Ledger }

func (recorded) RecordEnd(context.Context, []ID, Why, time.Time) (Span, error) { return Span{}, nil }

// The observer hears of sessions that have ended, not of those that were gone, and
// the time to the last confirmation begins with the call of the end.
func TestObserver(t *testing.T) {
	clock := time.Now()
	o := &counted{ended: map[Reason]int{}}
	store := asked{slow{&clock}, Nodes{Confirmed: 2, Live: 2}}
	m := NewManager(alone{store}, recorded{}, Limits{}, func() time.Time { return clock }, WithObserver(o))
	r, err := m.End(t.Context(), []ID{"a", "b", "c"}, Why{Reason: Forced})
	if err != nil || r.Ended != 2 {
		t.Fatal(r, err)
	}
	if _, err := m.End(t.Context(), []ID{"a"}, Why{Reason: Logout}); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(o.ended, map[Reason]int{Forced: 2}) {
		t.Errorf("it heard of %v", o.ended)
	}
	m.Confirm(t.Context(), r)
	if len(o.confirmed) != 1 || o.confirmed[0] != store.nodes || o.took[0] != 2*time.Second {
		t.Errorf("confirmed %v after %v", o.confirmed, o.took)
	}
}
