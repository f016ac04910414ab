package faults

import (
	"strings"
	"testing"
	"time"
)

const s = time.Second

// logins begin every synthetic history: two sessions of ann, one of bob.
func logins(more ...op) []op {
	return append([]op{
		{kind: login, begin: 1 * s, end: 2 * s, outcome: ok, session: "ann1", user: "ann"},
		{kind: login, begin: 1 * s, end: 2 * s, outcome: ok, session: "ann2", user: "ann"},
		{kind: login, begin: 1 * s, end: 2 * s, outcome: ok, session: "bob1", user: "bob"},
		{kind: check, begin: 3 * s, end: 4 * s, outcome: ok, session: "ann1"},
	}, more...)
}

func at(k kind, begin, end time.Duration, o outcome, session string) op {
	return op{kind: k, begin: begin, end: end, outcome: o, session: session}
}

func TestCheckerAcceptsWhatIsSound(t *testing.T) {
	failover := fault{name: "failover", begin: 19 * s, end: 22 * s, loses: 1500 * time.Millisecond, split: true}
	for name, c := range map[string]struct {
		ops    []op
		faults []fault
	}{
		"nothing special": {ops: logins()},
		"check overlaps the end": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 8 * s, outcome: ok, target: "ann1"},
			at(check, 7*s, 9*s, ok, "ann1"), at(check, 6*s, 7*s, ok, "ann1"))},
		"end not answered": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 6 * s, outcome: unknown, target: "ann1"},
			at(check, 7*s, 8*s, ok, "ann1"), at(check, 9*s, 10*s, ended, "ann1"))},
		"ended in the moment of its renewal, by the id it had": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 7 * s, outcome: ok, target: "ann1"},
			op{kind: password, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", became: "ann3"},
			at(check, 6*s, 8*s, ok, "ann3"), at(check, 8*s, 9*s, ended, "ann3"))},
		"the kept one lives": {ops: logins(
			op{kind: endUser, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", keep: "ann1"},
			at(check, 7*s, 8*s, ok, "ann1"), at(check, 7*s, 8*s, ended, "ann2"), at(check, 7*s, 8*s, ok, "bob1"))},
		"the renewed one lives": {ops: logins(
			op{kind: password, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", became: "ann3"},
			at(check, 7*s, 8*s, ok, "ann3"), at(check, 7*s, 8*s, ended, "ann1"), at(check, 7*s, 8*s, ended, "ann2"))},
		"store away": {ops: logins(at(check, 20*s, 21*s, unavailable, "ann1")), faults: []fault{failover}},
		"young session lost": {ops: logins(at(check, 20*s, 21*s, ended, "ann1"), at(check, 30*s, 31*s, ended, "ann1")),
			faults: []fault{failover}},
		"lost, answered in the moment of the last write that survived": {ops: []op{
			{kind: login, begin: 1 * s, end: 1500 * time.Millisecond, outcome: ok, session: "ann1", user: "ann"},
			at(check, 20*s, 21*s, ended, "ann1")}, faults: []fault{failover}},
		"accepted in a split, a moment later": {ops: logins(
			op{kind: endOne, begin: 19 * s, end: 20 * s, outcome: ok, target: "ann1"},
			at(check, 20*s+splitBound/2, 21*s, ok, "ann1")), faults: []fault{failover}},
	} {
		if v := judge(c.ops, c.faults); len(v.violations) > 0 || len(v.calmAway) > 0 {
			t.Errorf("%s: %v away in the calm, violations: %v", name, v.calmAway, v.violations)
		}
	}
}

func TestCheckerTimesTheReturn(t *testing.T) {
	v := judge(logins(
		at(check, 20*s, 21*s, unavailable, "ann1"),
		at(check, 19*s, 22*s, ok, "ann1"), // the old master's answer, perhaps
		at(check, 21*s, 23*s, ok, "ann1")),
		[]fault{{name: "failover", begin: 18 * s, end: 30 * s, promoted: 20 * s, serving: []int{0}}})
	if len(v.returns) != 1 || v.returns[0].took != 3*s {
		t.Errorf("got %+v, want one return after 3 s", v.returns)
	}
}

func TestCheckerCatchesEachViolation(t *testing.T) {
	old := fault{name: "failover", begin: 19 * s, end: 22 * s, loses: 18 * s, split: true}
	for name, c := range map[string]struct {
		ops    []op
		faults []fault
		want   string
	}{
		"after its end": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 6 * s, outcome: ok, target: "ann1"},
			at(check, 7*s, 8*s, ok, "ann1")), want: "after its end (end one)"},
		"written to after its end": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 6 * s, outcome: ok, target: "ann1"},
			at(write, 7*s, 8*s, ok, "ann1")), want: "after its end (end one)"},
		"after the end of its user": {ops: logins(
			op{kind: endUser, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", keep: "ann1"},
			at(check, 7*s, 8*s, ok, "ann2")), want: "after its end (end user)"},
		"old token after the password": {ops: logins(
			op{kind: password, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", became: "ann3"},
			at(check, 7*s, 8*s, ok, "ann1")), want: "after its end (password)"},
		"after its account was shut": {ops: logins(
			op{kind: disable, begin: 5 * s, end: 6 * s, outcome: ok, user: "bob"},
			at(check, 7*s, 8*s, ok, "bob1")), want: "after its end (disable)"},
		"used to end others after its own end": {ops: logins(
			op{kind: disable, begin: 5 * s, end: 6 * s, outcome: ok, user: "bob"},
			op{kind: endUser, begin: 7 * s, end: 8 * s, outcome: ok, session: "bob1", user: "bob", keep: "bob1"}), want: "after its end (disable)"},
		"too late for a split": {ops: logins(
			op{kind: endOne, begin: 19 * s, end: 20 * s, outcome: ok, target: "ann1"},
			at(check, 20*s+2*splitBound, 24*s, ok, "ann1")), faults: []fault{old}, want: "after its end"},
		"back after it was seen ended": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 6 * s, outcome: unknown, target: "ann1"},
			at(check, 7*s, 8*s, ended, "ann1"), at(check, 9*s, 10*s, ok, "ann1")), want: "seen ended"},
		"called ended, store away": {ops: logins(at(check, 20*s, 21*s, ended, "ann1")), faults: []fault{old}, want: "nobody has ended it"},
		"lost, and the promoted replica held it": {ops: []op{
			{kind: login, begin: 1 * s, end: 1499 * time.Millisecond, outcome: ok, session: "ann1", user: "ann"},
			at(check, 20*s, 21*s, ended, "ann1")}, faults: []fault{{name: "failover", begin: 19 * s, end: 22 * s, loses: 1500 * time.Millisecond}},
			want: "nobody has ended it"},
		"lost, and began when the fault was over": {ops: []op{
			{kind: login, begin: 22*s + 1, end: 23 * s, outcome: ok, session: "ann1", user: "ann"},
			at(check, 25*s, 26*s, ended, "ann1")}, faults: []fault{{name: "failover", begin: 19 * s, end: 22 * s, loses: 1500 * time.Millisecond}},
			want: "nobody has ended it"},
		"lost without a fault that loses": {ops: logins(at(check, 20*s, 21*s, ended, "ann1")),
			faults: []fault{{name: "replica killed", begin: 19 * s, end: 22 * s}}, want: "nobody has ended it"},
		"called ended in the calm": {ops: logins(at(check, 7*s, 8*s, ended, "bob1")), want: "nobody has ended it"},
		"ended by the id that another had before its renewal": {ops: logins(
			op{kind: endOne, begin: 5 * s, end: 7 * s, outcome: ok, target: "bob1"},
			op{kind: password, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", became: "ann3"},
			at(check, 8*s, 9*s, ended, "ann3")), want: "nobody has ended it"},
		"other user's end": {ops: logins(
			op{kind: endUser, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", keep: "ann1"},
			at(check, 7*s, 8*s, ended, "bob1")), want: "nobody has ended it"},
		"the kept one ended": {ops: logins(
			op{kind: endUser, begin: 5 * s, end: 6 * s, outcome: ok, session: "ann1", user: "ann", keep: "ann1"},
			at(check, 7*s, 8*s, ended, "ann1")), want: "nobody has ended it"},
		"refused in the calm": {ops: logins(at(check, 7*s, 8*s, refused, "bob1")), want: "refused"},
	} {
		v := judge(c.ops, c.faults)
		if len(v.violations) != 1 || !strings.Contains(v.violations[0], c.want) {
			t.Errorf("%s: want one violation with %q, got %q", name, c.want, v.violations)
		}
	}
	for _, c := range []struct {
		took     time.Duration
		pressure float64
		want     bool
	}{{300 * time.Millisecond, 0.97, true}, {300 * time.Millisecond, 0.5, false}, {5 * time.Millisecond, 1, false}} {
		if excused(op{begin: s, end: s + c.took, outcome: unavailable}, c.pressure) != c.want {
			t.Errorf("%v at %v: excused is not %v", c.took, c.pressure, c.want)
		}
	}
	if v := judge(logins(at(check, 7*s, 8*s, unavailable, "bob1")), nil); len(v.calmAway) != 1 {
		t.Errorf("unavailable in the calm is not counted: %+v", v)
	}
}
