package soak

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// worker is one client of the load. It alone logs its accounts in and out and ends
// the crowds that are its own, one request after the other, so that it knows of
// each session what the next answer has to be.
type worker struct {
	*stand
	accounts []*account
	crowds   []*crowd // its own, still in
	admin    carrier
	ended    []*visitor
	stream   *stream
}

// pause is how long each worker takes for an operation, at least.
const pause = 40 * time.Millisecond

// act is a kind of operation and how often it is done, in 10,000.
type act struct {
	what  string
	often int
	do    func(*worker)
}

var acts = []act{
	{"checks of sessions from the beginning", 4000, (*worker).checkOld},
	{"checks", 3069, func(w *worker) { w.with(w.check) }},
	{"checks of ended sessions", 600, (*worker).checkEnded},
	{"refreshes", 1500, func(w *worker) { w.with(w.refreshOne) }},
	{"event streams", 500, func(w *worker) { w.with(w.listen) }},
	{"lists of one's devices", 50, func(w *worker) { w.with(w.list) }},
	{"log-ins by cookie", 80, func(w *worker) { w.logIn(pick(w.accounts), false) }},
	{"log-ins for tokens", 60, func(w *worker) { w.logIn(pick(w.accounts), true) }},
	{"sign-ups", 10, (*worker).signUp},
	{"log-outs", 40, func(w *worker) { w.with(w.logOut) }},
	{"ends of another device", 20, func(w *worker) { w.with(w.endOne) }},
	{"ends of all other devices", 10, func(w *worker) { w.with(w.endOthers) }},
	{"forced ends of a session", 20, func(w *worker) { w.with(w.force) }},
	{"forced ends of a user", 10, func(w *worker) { w.with(w.forceUser) }},
	{"changes of password", 10, func(w *worker) { w.with(w.changePassword) }},
	{"spent refresh tokens", 20, func(w *worker) { w.with(w.reuse) }},
	{"forced ends of a user with 100 devices", 1, (*worker).forceCrowd},
}

// newWorkers shares out the stand.
func newWorkers(s *stand) (all []*worker) {
	for n := range workers {
		w := &worker{stand: s, accounts: s.people[n], admin: byCookie(s.admins[n])}
		for i := n; i < len(s.crowds); i += workers {
			w.crowds = append(w.crowds, s.crowds[i])
		}
		all = append(all, w)
	}
	return all
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer w.hangUp()
	total := 0
	for _, a := range acts {
		total += a.often
	}
	for ctx.Err() == nil {
		next := time.Now().Add(pause)
		w.expire()
		n := rand.IntN(total)
		for _, a := range acts {
			if n -= a.often; n < 0 {
				a.do(w)
				w.tally.did(a.what)
				break
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next)):
		}
	}
}

func pick[T any](all []T) T { return all[rand.IntN(len(all))] }

// with calls do with a session in use. Where there is none somebody logs in.
func (w *worker) with(do func(*visitor)) {
	var some []*visitor
	for _, a := range w.accounts {
		for _, v := range a.live {
			if !v.left {
				some = append(some, v)
			}
		}
	}
	if len(some) == 0 {
		if rand.IntN(4) == 0 {
			w.logIn(pick(w.accounts), rand.IntN(2) == 0)
		}
		return
	}
	do(pick(some))
}

// born adds a session.
func (w *worker) born(v *visitor) {
	v.account.live = append(v.account.live, v)
	w.live.Add(1)
}

// died notes that v has ended, as it was answered or by a deadline.
func (w *worker) died(v *visitor) {
	w.lost(v)
	v.ended = true
	w.ended = append(w.ended, v)
}

// lost notes that nobody knows whether v lives.
func (w *worker) lost(v *visitor) {
	if i := slices.Index(v.account.live, v); i >= 0 {
		v.account.live = slices.Delete(v.account.live, i, i+1)
		w.live.Add(-1)
	}
}

// expire notes which sessions must have reached a deadline.
func (w *worker) expire() {
	now := time.Now()
	for _, a := range w.accounts {
		for _, v := range slices.Clone(a.live) {
			if v.deadAt(now, w.round) {
				w.died(v)
			}
		}
	}
}

// judge holds the answer to a use of v to what it has to be, and reports whether v
// was accepted.
func (w *worker) judge(v *visitor, what string, a answer) (accepted bool) {
	switch {
	case a.unknown():
		v.usedTo = a.answered
		return false
	case a.status == 401 || a.status == 303:
		if v.ended {
			return false
		}
		if v.livesAt(a.answered, w.round) && !v.stale(a) {
			w.tally.complain("%s: a live session was refused: %d %s %s", what, a.status, a.body.Type, a.body.Reason)
		}
		if !v.stale(a) {
			w.died(v)
		}
		return false
	case !a.ok():
		w.tally.complain("%s: %d %s", what, a.status, a.body.Type)
		return false
	case v.ended:
		w.tally.complain("%s: a session that was answered to have ended was accepted", what)
	case v.deadAt(a.began, w.round):
		w.tally.complain("%s: a session was accepted after its deadline", what)
	}
	v.usedFrom, v.usedTo = a.began, a.answered
	return true
}
