package bench

import (
	"fmt"
	"slices"
	"strings"

	"gatehouse/internal/measure"
)

// target is what a figure of a row has to stay within, in every population of
// one session a user.
type target struct {
	row  string
	what string
	of   func(sample) float64
	most float64
}

// The targets, all in one place. Times are relative to the reference row of the
// same round.
var targets = []target{
	{"check, Redis", serverTime, vsReference, 0.95},
	{"check, Redis", bothTimes, bothVs, 1.2},
	{"check, embedded", serverTime, vsReference, 1.3},
	{"me by bearer remembered, Redis", serverTime, vsReference, 1.3},
	{"me by bearer remembered, embedded", serverTime, vsReference, 1.3},
	{"/mypage, Redis", serverTime, vsReference, 6},
	{"/mypage, embedded", serverTime, vsReference, 6},
	// One, and what the gate asks by the clock.
	{"check, Redis", roundTrips, ofRoundTrips, 1.05},
	{"me by bearer remembered, Redis", roundTrips, ofRoundTrips, 1.05},
	{"me by bearer new, Redis", roundTrips, ofRoundTrips, 1.05},
}

const (
	serverTime = "server CPU × " + reference
	bothTimes  = "server and store CPU × " + reference
	roundTrips = "round trips"

	// mostGrowth is how much more a request may cost in the largest population
	// than in the smallest, of one session a user: a list of more devices is a
	// longer page.
	mostGrowth = 1.10
	// mostMemory is how many bytes a session may take in Redis, index and all,
	// where there are a million.
	mostMemory = 400
	million    = 1_000_000
	// countedFrom is from how many sessions on memory is told: with fewer it is
	// mostly that of tables.
	countedFrom = 10_000
)

func bothVs(s sample) float64       { return s.BothVs }
func ofRoundTrips(s sample) float64 { return s.RoundTrips }

// Verdict is whether a target was met.
type Verdict struct {
	Row, What  string
	Population population
	Seen, Most float64
	Met        bool
}

// judge compares the report with the targets, as far as it has their rows.
func (r *Report) judge() {
	r.Targets = nil
	add := func(row, what string, p population, seen, most float64) {
		r.Targets = append(r.Targets, Verdict{row, what, p, seen, most, seen <= most})
	}
	for _, t := range targets {
		var worst *RowReport
		for _, row := range r.Rows {
			if row.Row == t.row && row.Population.PerUser == 1 && (worst == nil || row.spread(t.of).median > worst.spread(t.of).median) {
				worst = row
			}
		}
		if worst != nil {
			add(t.row, t.what, worst.Population, worst.spread(t.of).median, t.most)
		}
	}
	for _, least := range r.Rows {
		if !least.HasPopulation || least.Population.Sessions != 1 || strings.HasPrefix(least.Row, "scs ") {
			continue
		}
		var most *RowReport
		for _, row := range r.Rows {
			if row.Row == least.Row && row.Population.PerUser == 1 && row.Population.Sessions > 1 &&
				(most == nil || row.Population.Sessions > most.Population.Sessions) {
				most = row
			}
		}
		if most != nil {
			add(least.Row, "growth from 1 session", most.Population, growth(least, most), mostGrowth)
		}
	}
	for _, m := range r.Memory {
		if m.Population.Sessions == million && m.Population.PerUser == 1 {
			add("memory", "bytes in Redis per session", m.Population, m.Ours, mostMemory)
			add("memory", "× scs + redisstore without an index", m.Population, m.Ours/m.Stock, 1)
		}
	}
}

// growth returns the median over the rounds of how much more server CPU a request
// took in the large population than in the small one of the same round, which has
// the same reference.
func growth(small, large *RowReport) float64 {
	var all []float64
	for i := range min(len(small.Samples), len(large.Samples)) {
		all = append(all, large.Samples[i].ServerCPU/small.Samples[i].ServerCPU)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// verdicts returns them as a table.
func verdicts(all []Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Targets, in the population where it is most\n\n")
	table := [][]string{{"", "figure", "users × sessions", "seen", "target", "met"}}
	for _, v := range all {
		met := "yes"
		if !v.Met {
			met = "NO"
		}
		table = append(table, []string{v.Row, v.What, v.Population.String(), fmt.Sprintf("%.2f", v.Seen), fmt.Sprintf("≤ %.2f", v.Most), met})
	}
	measure.Table(&b, table)
	return b.String()
}
