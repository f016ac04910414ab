package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
)

// Report is everything that was measured. Durations are nanoseconds in JSON.
type Report struct {
	Round       string
	Rounds      int
	Clients     int // at the same time, but for what is in Crowds
	Cores       int
	Go          string
	Commit      string // as git describes it
	LoadAverage string
	Took        time.Duration
	Rows        []*RowReport
	Crowds      []*RowReport // some rows with other numbers of clients
	Memory      []Memory
	Targets     []Verdict
}

// RowReport is what one row came to in one population.
type RowReport struct {
	Row           string
	Population    population
	Clients       int
	CarrierBytes  int
	HasRedis      bool
	Embedded      bool // the store is in the server's process
	HasPopulation bool
	Samples       []sample // one per round
}

func newReport(t testing.TB, r round) *Report {
	return &Report{Round: *roundFlag, Rounds: r.rounds, Clients: r.clients, Cores: runtime.NumCPU(), Go: runtime.Version(), Commit: commit(t)}
}

func (r *Report) add(of row, s *stand, clients int, one sample) {
	list := &r.Rows
	if clients != r.Clients {
		list = &r.Crowds
	}
	for _, known := range *list {
		if known.Row == of.name && known.Population == s.population && known.Clients == clients {
			known.Samples = append(known.Samples, one)
			return
		}
	}
	*list = append(*list, &RowReport{Row: of.name, Population: s.population, Clients: clients, CarrierBytes: s.bytes[of.carrier],
		HasRedis: of.redis, Embedded: of.embedded, HasPopulation: of.population, Samples: []sample{one}})
}

// spread is median, least and most of some figures.
type spread struct{ median, least, most float64 }

func (r *RowReport) spread(of func(sample) float64) spread {
	var all []float64
	for _, s := range r.Samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return spread{all[len(all)/2], all[0], all[len(all)-1]}
}

// String returns "12.3 (11.9–12.8)".
func (s spread) String() string {
	digits := 1
	if s.median < 10 {
		digits = 2
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, s.median, digits, s.least, digits, s.most)
}

func serverCPU(s sample) float64   { return s.ServerCPU }
func vsReference(s sample) float64 { return s.VsReference }

// String returns the report as tables.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Gatehouse bench, %s round: commit %s, %d cores, %s, %d rounds, %d clients in a closed loop, load average %s, in %v\n",
		r.Round, r.Commit, r.Cores, r.Go, r.Rounds, r.Clients, r.LoadAverage, r.Took.Round(time.Second))
	fmt.Fprintf(&b, "Median (least–most) of the rounds, per request; × is server CPU by that of %s in the same round.\n\n", reference)
	table := [][]string{{"", "users × sessions", "server CPU µs", "×", "with store ×", "store CPU µs", "requests/s", "p50 µs", "p99 µs",
		"allocs", "bytes", "round trips", "commands", "carrier bytes"}}
	for _, row := range r.Rows {
		med := func(format string, of func(sample) float64) string { return fmt.Sprintf(format, row.spread(of).median) }
		onRedis := func(text string) string {
			switch {
			case row.HasRedis:
				return text
			case row.Embedded:
				return "in server"
			}
			return "–"
		}
		population := "–"
		if row.HasPopulation {
			population = row.Population.String()
		}
		table = append(table, []string{row.Row, population, row.spread(serverCPU).String(), row.spread(vsReference).String(),
			onRedis(row.spread(bothVs).String()),
			onRedis(row.spread(func(s sample) float64 { return s.StoreCPU }).String()),
			measure.Count(int(row.spread(func(s sample) float64 { return s.PerSecond }).median)),
			med("%.0f", func(s sample) float64 { return s.P50 }), med("%.0f", func(s sample) float64 { return s.P99 }),
			med("%.1f", func(s sample) float64 { return s.Allocs }), med("%.0f", func(s sample) float64 { return s.AllocBytes }),
			onRedis(med("%.3f", ofRoundTrips)), onRedis(med("%.3f", func(s sample) float64 { return s.Commands })),
			fmt.Sprint(row.CarrierBytes)})
	}
	measure.Table(&b, table)
	b.WriteString(r.byCrowd())
	for _, m := range r.Memory {
		if m.Population.Sessions >= countedFrom {
			fmt.Fprintf(&b, "\nBytes in Redis per session, %v: %.0f with the index, %.0f of scs + redisstore without one", m.Population, m.Ours, m.Stock)
		}
	}
	fmt.Fprintf(&b, "\n\n%s", verdicts(r.Targets))
	return b.String()
}

// byCrowd returns what some rows cost by how many ask at the same time: they share
// the system calls to Redis, and one who is alone has them alone.
func (r *Report) byCrowd() string {
	if len(r.Crowds) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nBy how many clients ask at the same time, × %s with as many\n\n", reference)
	table := [][]string{{"", "clients", "server CPU µs", "×", "with store ×", "requests/s", "p50 µs", "round trips"}}
	var names []string
	for _, row := range r.Crowds {
		if !slices.Contains(names, row.Row) {
			names = append(names, row.Row)
		}
	}
	for _, name := range names {
		var all []*RowReport
		for _, row := range slices.Concat(r.Rows, r.Crowds) {
			if row.Row == name && row.Population == r.Crowds[0].Population {
				all = append(all, row)
			}
		}
		slices.SortFunc(all, func(a, b *RowReport) int { return a.Clients - b.Clients })
		for _, row := range all {
			both, trips := "–", "–"
			if row.HasRedis {
				both, trips = row.spread(bothVs).String(), fmt.Sprintf("%.3f", row.spread(ofRoundTrips).median)
			}
			table = append(table, []string{name, fmt.Sprint(row.Clients), row.spread(serverCPU).String(), row.spread(vsReference).String(), both,
				measure.Count(int(row.spread(func(s sample) float64 { return s.PerSecond }).median)),
				fmt.Sprintf("%.0f", row.spread(func(s sample) float64 { return s.P50 }).median), trips})
		}
	}
	measure.Table(&b, table)
	return b.String()
}

// compare returns how r differs from an older report, row by row.
func (r *Report) compare(old *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nCompared with commit %s (before → after, medians)\n\n", old.Commit)
	if old.Clients != r.Clients {
		fmt.Fprintf(&b, "That was with %d clients at the same time, this is with %d: what changed is not the product alone.\n\n", old.Clients, r.Clients)
	}
	table := [][]string{{"", "users × sessions", "× " + reference, "change", "allocs", "bytes", "round trips"}}
	for _, now := range r.Rows {
		i := slices.IndexFunc(old.Rows, func(was *RowReport) bool { return was.Row == now.Row && was.Population == now.Population })
		if i < 0 {
			continue
		}
		was := old.Rows[i]
		both := func(format string, of func(sample) float64) string {
			return fmt.Sprintf(format+" → "+format, was.spread(of).median, now.spread(of).median)
		}
		change := now.spread(vsReference).median/was.spread(vsReference).median - 1
		table = append(table, []string{now.Row, now.Population.String(), both("%.2f", vsReference), fmt.Sprintf("%+.0f %%", math.Round(100*change)),
			both("%.1f", func(s sample) float64 { return s.Allocs }), both("%.0f", func(s sample) float64 { return s.AllocBytes }),
			both("%.2f", ofRoundTrips)})
	}
	measure.Table(&b, table)
	return b.String()
}

func show(t testing.TB, r *Report) {
	t.Helper()
	fmt.Print(r)
	if *againstFlag != "" {
		fmt.Print(r.compare(readReport(t, *againstFlag)))
	}
}

func (r *Report) json() []byte {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // nothing in it that JSON cannot say
	}
	return append(b, '\n')
}

func readReport(t testing.TB, file string) *Report {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	var r Report
	must(t, json.Unmarshal(b, &r))
	return &r
}
