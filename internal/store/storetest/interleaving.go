package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/interleave"
	"gatehouse/internal/user"
)

// Interleaved is one backend, freshly made and empty, for RunInterleavings.
type Interleaved struct {
	// Open returns what one more program on the backend has: the Store, Ledger
	// and Users of Sessions. Its store calls pause in front of each of its
	// steps: a command, a script, a statement or a transaction. (Each method of
	// the other two is one, and is seen to here.)
	Open func(pause func(step string)) Sessions
	// Reset takes away all sessions, and what is known of them.
	Reset func()
	// Commute reports whether two steps of those that pause is told, or two methods
	// of the Ledger and of Users ("ledger.RecordEnd", "users.ByID"), can change
	// places with nobody the wiser; nil if none can.
	Commute func(one, other string) bool
	// Index returns what the backend lists as the sessions of a user beside
	// their records; nil if it has no such list.
	Index func(user.ID) []session.ID
	// NewUser returns the id of a new account; nil for any.
	NewUser func() user.ID
	// Every is of how many combinations one is played; 0 plays them all.
	Every int
}

// RunInterleavings plays what requests and ends do to the stores in every order
// of their steps, and holds every order to the invariants I1 to I4: once an end
// has been answered nothing that begins later is accepted, what has ended stays
// ended, what nobody has ended lives, and no limit is passed at any moment.
//
// Requests are whole: a check first, or a log-in that reads the account before
// it has checked the password, or the use of a refresh token. Each of those who
// act is a program of its own.
func RunInterleavings(t *testing.T, backend Interleaved) {
	h := newHouse(t, backend, nil)
	h.playAll("in cookies", some(interleavings(), backend.Every))
	h.playAll("with refresh tokens", some(refreshInterleavings(), backend.Every))
}

// some returns one of every so many combinations, from the first to the last.
func some(all []combination, every int) (chosen []combination) {
	for i := 0; i < len(all); i += max(1, every) {
		chosen = append(chosen, all[i])
	}
	return chosen
}

func (h *house) playAll(what string, cases []combination) {
	began, orders, violations := time.Now(), 0, 0
	for _, c := range cases {
		n, found := h.play(c, false)
		orders += n
		violations += len(found)
		h.t.Logf("%-60s %5d orders", c, n)
		for _, v := range found {
			h.t.Errorf("%s: %s", c, v)
		}
	}
	h.t.Logf("%s: %d combinations in %d orders took %v, %d violations", what, len(cases), orders,
		time.Since(began).Round(time.Millisecond), violations)
}

// combination is who acts at the same time.
type combination struct {
	requests []deed
	ends     []ending
	// limit is how many sessions the user may have; 0 is no limit.
	limit int
}

// String names the combination.
func (c combination) String() string {
	var names []string
	for _, r := range c.requests {
		names = append(names, r.name)
	}
	for _, e := range c.ends {
		names = append(names, e.name)
	}
	return fmt.Sprintf("%q", names)
}

// mostActors is how many act at once, at most.
const mostActors = 3

// interleavings returns the combinations with sessions in cookies: each request with each end, each end
// with each other end, log-ins with each other, and a few of three.
func interleavings() []combination {
	all := []combination{
		{[]deed{login, login}, nil, lastPlace},
		{[]deed{replace, login}, nil, noPlace},
	}
	for _, r := range requests {
		for _, e := range endings {
			all = append(all, combination{[]deed{r}, []ending{e}, r.limit})
		}
	}
	for _, r := range []deed{checks, write, touch, login} {
		all = append(all, combination{[]deed{r}, []ending{passwordHere}, r.limit})
	}
	for _, e := range endings {
		if !e.password {
			all = append(all, combination{[]deed{rekey}, []ending{e}, 0})
		}
	}
	for i, one := range endings {
		for _, other := range endings[i:] {
			if !one.password || !other.password { // of two changes, one sees that the password is another
				all = append(all, combination{nil, []ending{one, other}, 0})
			}
		}
	}
	for _, r := range []deed{checks, write, touch, renew} {
		all = append(all, combination{[]deed{r, replace}, nil, noPlace}, combination{[]deed{r, choose}, nil, noPlace})
	}
	return append(all,
		combination{[]deed{rekey, replace}, nil, noPlace},
		combination{[]deed{replace, replace}, nil, noPlace},
		combination{[]deed{login, login}, []ending{endUser}, lastPlace},
		combination{[]deed{renew, check}, []ending{endOne}, 0},
		combination{[]deed{renew, check}, []ending{endUser}, 0},
		combination{[]deed{renew, login}, []ending{disable}, 0},
		combination{[]deed{renewNow, renewNow}, []ending{endOne}, 0},
	)
}

// play plays one combination in every order and returns how many there were and
// what was found, of each kind what is easiest to follow. If first is set it
// stops at the first finding.
func (h *house) play(c combination, first bool) (orders int, found []violation) {
	orders, err := h.stage.Explore(func() interleave.Play {
		s := h.newScene(c)
		return interleave.Play{
			Actors:  s.acts(),
			After:   func(step interleave.Step) { s.afterStep(s.actors[step.Actor]) },
			Commute: s.commute,
			Again: func() error {
				s.afterAll()
				return s.slow
			},
			End: func(order []interleave.Step) bool {
				for _, what := range s.wrong {
					found = keepEasiest(found, violation{what, order, s.names()})
				}
				return !first || len(found) == 0
			},
		}
	})
	if err != nil {
		h.t.Fatalf("%s: %v", c, err)
	}
	return orders, found
}

// violation is an invariant broken, and the order that shows it.
type violation struct {
	what  string
	order []interleave.Step
	names []string // of those who act
}

// String writes the order one step to a line.
func (v violation) String() string {
	text := v.what
	for i, step := range v.order {
		text += fmt.Sprintf("\n\t%3d. %s: %s", i+1, v.names[step.Actor], step.Name)
	}
	return text
}

func keepEasiest(found []violation, v violation) []violation {
	for i, f := range found {
		if f.what == v.what {
			if interleave.Switches(v.order) < interleave.Switches(f.order) {
				found[i] = v
			}
			return found
		}
	}
	return append(slices.Clip(found), v)
}
