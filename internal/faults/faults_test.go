//go:build faults

package faults

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

var (
	timeFlag = flag.Duration("faults.time", 25*time.Second, "how long the nemesis goes on")
	onlyFlag = flag.String("faults.only", "", "`names` of what the nemesis does, in this order, separated by commas; empty: everything")
	logsFlag = flag.String("faults.logs", "", "`folder` for the logs of all servers and nodes, to see what happened")
	seedFlag = flag.Uint64("faults.seed", 0, "`seed` of a run to repeat; 0: another each time")
)

func seed() uint64 {
	if *seedFlag != 0 {
		return *seedFlag
	}
	return uint64(time.Now().UnixNano()) % 1_000_000
}

// mostLag is how far a replica may be behind on a busy machine.
const mostLag = 3 * time.Second

// TestFaults is the proof.
func TestFaults(t *testing.T) {
	w := newWorld(t, seed(), "", 12)
	v := w.run(*timeFlag, w.nemesis)
	w.report(v)
	for i, line := range v.violations {
		if i == 20 {
			t.Errorf("… and %d more", len(v.violations)-i)
			break
		}
		t.Error(line)
	}
	busy := 0
	for _, o := range v.calmAway {
		if p := w.machine.pressure(o.begin, o.end); !excused(o, p) {
			t.Errorf("outside faults, and with a processor to be had (%.0f %% pressure), node %d answered %v to a %s of a live session, after %v",
				100*p, o.node, o.outcome, o.kind, (o.end - o.begin).Round(time.Millisecond))
		} else {
			busy++
		}
	}
	if busy*50 > v.calm {
		t.Errorf("the machine was too busy to tell: outside faults %d of %d checks were answered \"not now\"", busy, v.calm)
	}
	for _, c := range v.returns {
		p := w.machine.pressure(c.promoted, c.promoted+c.took)
		if c.took > failoverBack && p < saturated {
			t.Errorf("%s: node %d was back %v after the promotion, the promise is %v (%.0f %% pressure on the processors)",
				c.fault, c.node, c.took.Round(time.Millisecond), failoverBack, 100*p)
		}
	}
	// What is lost is allowed as far as the replica lagged; that this is not much is
	// for the nemesis to see to.
	if v.lag > mostLag {
		t.Errorf("a replica was promoted that was %v behind: the nemesis has left no whole copy", v.lag)
	}
	if v.tried == 0 || v.calm == 0 || len(w.history.faults) == 0 {
		t.Errorf("nothing was proven: %+v", v)
	}
}

// TestCheckerSeesThatTheGateIsMissing points the whole apparatus at a program
// without the gate: what would a checker be worth that finds nothing there?
func TestCheckerSeesThatTheGateIsMissing(t *testing.T) {
	w := newWorld(t, seed(), "broken_gate", 6)
	v := w.run(time.Minute, func(_ context.Context, r *rand.Rand) {
		for _, e := range evils {
			if e.name == "old RDB put back" {
				w.afflict(r, e)
			}
		}
	})
	w.report(v)
	if len(v.violations) == 0 {
		t.Error("the checker finds nothing wrong with a program that has no gate")
	} else {
		first, _, _ := strings.Cut(v.violations[0], "\n")
		t.Logf("%d violations, the first: %s", len(v.violations), first)
	}
}

func (w *world) report(v verdict) {
	fmt.Fprintf(os.Stdout, "seed %d: %d sessions, %d of them ended and tried %d times afterwards: %d violations\n",
		w.seed, v.sessions, v.ends, v.tried, len(v.violations))
	fmt.Fprintf(os.Stdout, "  accepted in a split up to %v after the end: %d, the latest after %v\n", splitBound, v.late, v.worst.Round(time.Millisecond))
	fmt.Fprintf(os.Stdout, "  lost to a failover or an old RDB: %d sessions\n", v.lost)
	fmt.Fprintf(os.Stdout, "  outside faults: %d checks of live sessions, %d answered \"not now\"\n", v.calm, len(v.calmAway))
	for _, o := range v.calmAway {
		fmt.Fprintf(os.Stdout, "    %s %s on node %d, %v after %v, %.0f %% pressure on the processors\n", stamp(w.history.start.Add(o.end)),
			o.kind, o.node, o.outcome, (o.end - o.begin).Round(time.Millisecond), 100*w.machine.pressure(o.begin, o.end))
	}
	fmt.Fprintf(os.Stdout, "  promoted replicas were up to %v behind\n", v.lag.Round(time.Millisecond))
	var back []time.Duration
	for _, c := range v.returns {
		back = append(back, c.took)
	}
	if slices.Sort(back); len(back) > 0 {
		fmt.Fprintf(os.Stdout, "  nodes were back %v after a promotion at the latest, median %v of %d\n",
			back[len(back)-1].Round(time.Millisecond), back[len(back)/2].Round(time.Millisecond), len(back))
	}
	fmt.Fprintf(os.Stdout, "  slowest return to service: %v (%s)\n", w.slowest.Round(time.Millisecond), w.slowestAfter)
	counts := map[string]int{}
	for _, f := range w.history.faults {
		counts[f.name]++
	}
	for _, all := range []map[string]int{counts, v.ops} {
		var names []string
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(os.Stdout, "  %6d %s\n", all[name], name)
		}
	}
}

// TestLink: a cut link is silent, both ways, and mended ones are new.
func TestLink(t *testing.T) {
	r := testenv.RedisServer(t)
	k := newLink(t, r.Addr(), nil)
	if got := testenv.Ask(k.addr(), "PING"); got != "+PONG\r\n" {
		t.Fatalf("through the link: %q", got)
	}
	k.setCut(true)
	if got := testenv.Ask(k.addr(), "PING"); got != "" {
		t.Errorf("through the cut link: %q", got)
	}
	k.setCut(false)
	if got := testenv.Ask(k.addr(), "PING"); got != "+PONG\r\n" {
		t.Errorf("through the mended link: %q", got)
	}
}
