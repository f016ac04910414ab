package bench

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
)

// Disturbances is everything that was measured of neighbours. Durations are
// nanoseconds in JSON.
type Disturbances struct {
	Round     string
	Machine   *Report // where; without rows
	PerSecond int     // checks
	Clients   int     // that log in
	Took      time.Duration
	All       []*Disturbance
}

// Disturbance is what one neighbour did to checks.
type Disturbance struct {
	Name  string
	Pairs []Pair
}

// Pair is a while without the neighbour and one with it, one after the other.
type Pair struct {
	Sessions   int // there were, besides those checked
	Idle, Busy Watched
	Did        string // the neighbour
	Settled    bool   // the server had nothing else to do in the idle while
}

// refused counts those who were in and could not get in.
func (p Pair) refused() int { return p.Idle.bad() + p.Busy.bad() }

func (w Watched) bad() int { return w.Refused + w.Out + w.Other + w.Unheard }

// times is how many times its idle value p99 was.
func (p Pair) times() float64 { return float64(p.Busy.P99) / float64(max(1, p.Idle.P99)) }

// spread returns the median of the pairs' times, least and most.
func (d *Disturbance) spread() spread {
	var all []float64
	for _, p := range d.Pairs {
		all = append(all, p.times())
	}
	slices.Sort(all)
	return spread{all[len(all)/2], all[0], all[len(all)-1]}
}

// middle is the pair with the median of the times.
func (d *Disturbance) middle() Pair {
	all := slices.Clone(d.Pairs)
	slices.SortFunc(all, func(a, b Pair) int { return int(1000 * (a.times() - b.times())) })
	return all[len(all)/2]
}

// String returns the report as a table.
func (r *Disturbances) String() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Gatehouse neighbours, %s round: commit %s, %d cores, %s, %d checks a second, load average %s, in %v\n",
		r.Round, m.Commit, m.Cores, m.Go, r.PerSecond, m.LoadAverage, r.Took.Round(time.Second))
	fmt.Fprintf(&b, "Checks (GET %s) of people who are in: median, 99 %% and worst, from when each was due, without the neighbour and\n"+
		"with it, in the pair of median p99; × is p99 with it by p99 without, median (least–most) of the pairs; at most %d. A flood\n"+
		"is of %d programs that log in again at each answer.\n\n", whoAmIPath, mostDisturbed, r.Clients)
	table := [][]string{{"", "sessions", "idle", "meanwhile", "× p99", "met", "server cores", "checks", "refused", "put out", "not answered", "the neighbour, in that pair"}}
	for _, d := range r.All {
		mid, checks, refused, out, unheard, sessions := d.middle(), 0, 0, 0, 0, 0
		for _, p := range d.Pairs {
			checks += p.Idle.Checks + p.Busy.Checks
			refused += p.Idle.Refused + p.Busy.Refused
			out += p.Idle.Out + p.Busy.Out
			unheard += p.Idle.Unheard + p.Busy.Unheard + p.Idle.Other + p.Busy.Other
			sessions = max(sessions, p.Sessions)
		}
		met := "yes"
		if d.spread().median > mostDisturbed {
			met = "NO"
		}
		table = append(table, []string{d.Name, measure.Count(sessions), mid.Idle.String(), mid.Busy.String(), d.spread().String(), met,
			fmt.Sprintf("%.2f, %.2f", mid.Idle.Cores, mid.Busy.Cores),
			measure.Count(checks), measure.Count(refused), measure.Count(out), measure.Count(unheard), mid.Did})
	}
	measure.Table(&b, table)
	return b.String()
}

func (r *Disturbances) json() []byte {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // nothing in it that JSON cannot say
	}
	return append(b, '\n')
}

// hold fails where somebody who was in was refused, or a check was not answered.
// Who is refused also while nothing else happens is so by the machine.
func (r *Disturbances) hold(t testing.TB) {
	t.Helper()
	for _, d := range r.All {
		for _, p := range d.Pairs {
			if p.refused() > 0 && p.Idle.Refused == 0 {
				t.Errorf("%s: of people who were in, %d were refused, %d put out, %d answered otherwise and %d not at all", d.Name,
					p.Idle.Refused+p.Busy.Refused, p.Idle.Out+p.Busy.Out, p.Idle.Other+p.Busy.Other, p.Idle.Unheard+p.Busy.Unheard)
			}
			if out := p.Idle.Out + p.Busy.Out; out > 0 {
				t.Errorf("%s: %d were put out who were in", d.Name, out)
			}
			if p.Idle.Checks == 0 || p.Busy.Checks == 0 {
				t.Errorf("%s: nobody was watched", d.Name)
			}
		}
	}
}
