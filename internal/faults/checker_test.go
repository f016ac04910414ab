package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// splitBound is how long after the answer to an end the session may still be
// accepted by a node that talks to an old master, in a split: the end is due at
// the comparison after the one that first sees it (500 ms each), and then has to
// be asked for and applied. Outside a split it is nothing at all.
const splitBound = 1500 * time.Millisecond

// settle is how long after the end of a fault the nodes may still feel it: the
// time in which the service has to be back.
const settle = 2 * time.Second

// verdict is what the checker found.
type verdict struct {
	violations []string
	ops        map[string]int // per kind and outcome
	sessions   int
	ends       int // sessions whose end was answered
	tried      int // checks of those afterwards
	lost       int // sessions gone without an end, as a fault allows
	late       int // accepted within splitBound of their end, in a split
	worst      time.Duration
	returns    []comeback
	lag        time.Duration // of the promoted replica that was furthest behind
	calm       int           // checks of live sessions outside faults
	calmAway   []op          // of these, answered "not now" or not at all
}

// comeback is how long after a promotion a node first gave an answer about a
// session.
type comeback struct {
	fault    string
	node     int
	promoted time.Duration
	took     time.Duration
}

// life is what the history says about one session.
type life struct {
	user       string
	begin, end time.Duration // of the log-in
	finalAt    time.Duration // an end of it was answered; 0: none
	finalBy    string
	attemptAt  time.Duration // an end of it, whatever its outcome, was begun; 0: none
	seenEnded  time.Duration // a check said so; 0: none has
}

// judge holds a history against the promises.
func judge(ops []op, faults []fault) verdict {
	v := verdict{ops: map[string]int{}}
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b op) int { return int(a.begin - b.begin) })
	lives, renewed := bornOf(ops)
	v.sessions = len(lives)
	for _, o := range ops {
		v.ops[string(o.kind)+", "+string(o.outcome)]++
		markEnds(lives, renewed, o)
	}
	for _, l := range lives {
		if l.finalAt > 0 {
			v.ends++
		}
	}
	// In the order of answers, for what was seen before.
	slices.SortFunc(ops, func(a, b op) int { return int(a.end - b.end) })
	for _, o := range ops {
		if l := lives[o.session]; l != nil && o.outcome == ended && (l.seenEnded == 0 || o.end < l.seenEnded) {
			l.seenEnded = o.end
		}
	}
	for _, o := range ops {
		if l := lives[o.session]; l != nil && o.kind != login {
			before := len(v.violations)
			v.judgeOne(o, l, faults)
			for i := before; i < len(v.violations) && i < 3; i++ {
				v.violations[i] += aroundOf(ops, l, lives, o.begin)
			}
		}
	}
	v.lost = countLost(lives, faults)
	v.returns = comebacks(ops, faults)
	for _, f := range faults {
		if f.loses > 0 && !f.old {
			v.lag = max(v.lag, f.struck-f.loses)
		}
	}
	return v
}

// bornOf returns the sessions that log-ins and renewals have begun, and as what
// those that were renewed went on.
func bornOf(ops []op) (lives map[string]*life, renewed map[string]string) {
	lives, renewed = map[string]*life{}, map[string]string{}
	for _, o := range ops {
		switch {
		case o.outcome != ok:
		case o.kind == login:
			lives[o.session] = &life{user: o.user, begin: o.begin, end: o.end}
		case o.kind == password:
			lives[o.became] = &life{user: o.user, begin: o.begin, end: o.end}
			renewed[o.session] = o.became
		}
	}
	return lives, renewed
}

// markEnds notes in each session that o ends, or may have ended, that it did.
func markEnds(lives map[string]*life, renewed map[string]string, o op) {
	mark := func(id string, certain bool) {
		l := lives[id]
		if l == nil {
			return
		}
		if l.attemptAt == 0 || o.begin < l.attemptAt {
			l.attemptAt = o.begin
		}
		if certain && o.outcome == ok && (l.finalAt == 0 || o.end < l.finalAt) {
			l.finalAt, l.finalBy = o.end, string(o.kind)
		}
	}
	switch o.kind {
	case endOne:
		mark(o.target, true)
		// An end by the old id in the moment of a renewal ends what it has become.
		for id := renewed[o.target]; id != ""; id = renewed[id] {
			mark(id, false)
		}
	case endUser, password, disable:
		for id, l := range lives {
			// A log-in that was not answered when the end began may be later.
			if l.user == o.user && id != o.keep && id != o.became && l.begin < o.end {
				mark(id, l.end < o.begin)
			}
		}
	}
}

// aroundOf is all that the history has about the user of l in the seconds around
// at, for whoever has to find out what has gone wrong.
func aroundOf(ops []op, l *life, lives map[string]*life, at time.Duration) string {
	const around = 10 * time.Second
	var text strings.Builder
	for _, o := range ops {
		about := func(id string) bool { s := lives[id]; return s != nil && s.user == l.user }
		if (o.user == l.user || about(o.session) || about(o.target)) && o.end > at-around && o.begin < at+around {
			fmt.Fprintf(&text, "\n    %v to %v: %s, %s, on node %d, session %.8s, target %.8s, keep %.8s, became %.8s %s",
				o.begin, o.end, o.kind, o.outcome, o.node, o.session, o.target, o.keep, o.became, o.note)
		}
	}
	return text.String()
}

func (v *verdict) judgeOne(o op, l *life, faults []fault) {
	say := func(format string, args ...any) {
		v.violations = append(v.violations, fmt.Sprintf(format, args...)+fmt.Sprintf(
			" (%s of %.8s on node %d, %v to %v; log-in answered at %v; faults: %s)",
			o.kind, o.session, o.node, o.begin, o.end, l.end, during(faults, o.begin, o.end)))
	}
	final := l.finalAt > 0 && o.begin > l.finalAt
	if final {
		v.tried++
	}
	switch o.outcome {
	case ok:
		late := o.begin - l.finalAt
		switch {
		case final && late <= splitBound && inSplit(faults, o.begin):
			v.late++
			v.worst = max(v.worst, late)
		case final:
			say("accepted %v after its end (%s) was answered", late, l.finalBy)
		case l.seenEnded > 0 && o.begin > l.seenEnded:
			say("accepted %v after it had been seen ended", o.begin-l.seenEnded)
		}
	case ended:
		if l.attemptAt == 0 || l.attemptAt > o.end {
			if !mayBeLost(l, faults, o.end) {
				say("called ended, and nobody has ended it")
			}
		}
	}
	// Nobody has begun to end it, nothing has been wrong for a while: it counts.
	if (o.kind == check || o.kind == write) && (l.attemptAt == 0 || l.attemptAt > o.end) && !mayBeLost(l, faults, o.end) &&
		during(faults, o.begin-settle, o.end) == "none" {
		v.calm++
		if o.outcome == unavailable || o.outcome == unknown {
			v.calmAway = append(v.calmAway, o)
		}
		if o.outcome == refused {
			say("refused: %s", o.note)
		}
	}
}

// Outside faults nothing excuses an answer "not now" but the machine: it came
// because the time of an operation had run out, not at once, and all that time
// somebody waited for a processor.
const (
	slowAnswer = 200 * time.Millisecond // the shortest time limit of a store
	saturated  = 0.9                    // the part of the time in which somebody waited
)

// excused reports whether the machine was to blame for o, given the pressure on
// its processors meanwhile.
func excused(o op, pressure float64) bool {
	return o.end-o.begin >= slowAnswer && pressure >= saturated
}

// mayBeLost reports whether a fault up to at may have cost the session: its log-in
// was not answered before the last write that the new master holds. What began
// when the fault was over is safe.
func mayBeLost(l *life, faults []fault, at time.Duration) bool {
	return slices.ContainsFunc(faults, func(f fault) bool {
		return f.loses > 0 && f.begin < at && l.end >= f.loses && l.begin <= f.end
	})
}

func countLost(lives map[string]*life, faults []fault) (n int) {
	for _, l := range lives {
		if l.seenEnded > 0 && (l.attemptAt == 0 || l.attemptAt > l.seenEnded) && mayBeLost(l, faults, l.seenEnded) {
			n++
		}
	}
	return n
}

// comebacks wants the operations in the order of their answers.
func comebacks(ops []op, faults []fault) (all []comeback) {
	for _, f := range faults {
		for _, node := range f.serving {
			i := slices.IndexFunc(ops, func(o op) bool {
				return o.node == node && o.begin > f.promoted && (o.kind == check || o.kind == write) &&
					(o.outcome == ok || o.outcome == ended)
			})
			if i >= 0 {
				all = append(all, comeback{f.name, node, f.promoted, ops[i].end - f.promoted})
			}
		}
	}
	return all
}

func inSplit(faults []fault, at time.Duration) bool {
	return slices.ContainsFunc(faults, func(f fault) bool { return f.split && f.begin <= at && at <= f.end+settle })
}

// during names the faults between two times.
func during(faults []fault, from, to time.Duration) string {
	var names []string
	for _, f := range faults {
		if f.begin <= to && f.end >= from {
			names = append(names, f.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
