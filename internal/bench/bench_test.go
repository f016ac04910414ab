package bench

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
)

var (
	roundFlag   = flag.String("bench.round", "short", "`round` to measure: short, quick (one population), full (five minutes) or million (half an hour)")
	roundsFlag  = flag.Int("bench.rounds", 0, "how `many` rounds; 0 is as many as the round has")
	onlyFlag    = flag.String("bench.only", "", "measure only rows whose name contains one of these `words`, separated by +, and the reference")
	jsonFlag    = flag.String("bench.json", "", "also write the figures to this `file`")
	againstFlag = flag.String("bench.against", "", "compare with the figures in this `file`")
	reportFlag  = flag.String("bench.report", "", "measure nothing: show the figures in this `file`")
	profileFlag = flag.String("bench.profile", "", "instead of measuring, write CPU and allocation profiles of each row into this `folder`")
)

// TestMain lets the binary also be the servers and the load generator.
func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case roleLoad:
		err = serveLoad(os.Stdin, os.Stdout)
	case roleWatch:
		err = serveWatch(os.Stdin, os.Stdout)
	case roleFlood:
		err = serveFlood(os.Stdin, os.Stdout)
	default:
		err = serveRival(role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// round says how much is measured.
type round struct {
	populations []population // the first with all rows
	rounds      int
	slice       time.Duration
	clients     int   // at the same time: a server that is busy
	crowds      []int // the other numbers of clients that some rows are measured with
	least       int   // requests of each client in a slice: what counts rest on
	tokens      int   // access tokens that are used in turn
}

var rounds = map[string]round{
	"short":   {populations: []population{{1, 1}, {6, 3}}, rounds: 1, slice: 20 * time.Millisecond, clients: 2, crowds: []int{1}, least: 100, tokens: 4000},
	"quick":   {populations: []population{{1000, 1}}, rounds: 7, slice: 400 * time.Millisecond, clients: 32, crowds: crowds, least: 1, tokens: manyTokens},
	"full":    {populations: []population{{1, 1}, {10_000, 1}, {10_000, 100}}, rounds: 7, slice: time.Second, clients: 32, crowds: crowds, least: 1, tokens: manyTokens},
	"million": {populations: []population{{1, 1}, {10_000, 1}, {10_000, 100}, {1_000_000, 1}, {1_000_000, 100}}, rounds: 7, slice: time.Second, clients: 32, crowds: crowds, least: 1, tokens: manyTokens},
}

var crowds = []int{1, 8, 128}

// TestBench measures every row in every population. In the short round it
// proves that they all answer as they should and that the counts hold.
func TestBench(t *testing.T) {
	if *reportFlag != "" {
		show(t, readReport(t, *reportFlag))
		return
	}
	r, ok := rounds[*roundFlag]
	if !ok {
		t.Fatalf("-bench.round=%s: there is a short, a quick, a full and a million round", *roundFlag)
	}
	if *roundsFlag > 0 {
		r.rounds = *roundsFlag
	}
	began := time.Now()
	where, err := findCores()
	must(t, err)
	bin := build(t)
	l := startLoad(t, where.load)
	if *profileFlag != "" {
		r.populations = r.populations[:1]
	}
	var stands []*stand
	for i, p := range r.populations {
		say("%v: filling the stores …", p)
		stands = append(stands, newStand(t, bin, where, p, i == 0))
	}
	if *profileFlag != "" {
		stands[0].renewTokens(t, r.tokens)
		for _, one := range chosen() {
			must(t, stands[0].profile(l, one, *profileFlag, r))
		}
		return
	}
	report := newReport(t, r)
	for n := range r.rounds {
		say("round %d of %d, load average %s", n+1, r.rounds, measure.LoadAverage())
		for _, s := range stands {
			s.renewTokens(t, r.tokens)
		}
		must(t, measureRound(stands, l, r, n, report))
	}
	for _, s := range stands {
		report.Memory = append(report.Memory, s.memory)
	}
	report.judge()
	report.Took = time.Since(began)
	report.LoadAverage = measure.LoadAverage()
	if *roundFlag == "short" {
		checkCounts(t, report)
	}
	show(t, report)
	if *jsonFlag != "" {
		must(t, os.WriteFile(*jsonFlag, report.json(), 0o644))
	}
}

// measureRound measures each row once, beginning with another one each time.
func measureRound(stands []*stand, l *load, r round, n int, report *Report) error {
	type job struct {
		stand   *stand
		row     row
		clients int
	}
	var jobs []job
	for i, s := range stands {
		for _, one := range chosen() {
			if i == 0 || one.population {
				jobs = append(jobs, job{s, one, r.clients})
			}
		}
	}
	for _, crowd := range r.crowds {
		for _, one := range chosen() {
			if one.crowds {
				jobs = append(jobs, job{stands[0], one, crowd})
			}
		}
	}
	got := make([]sample, len(jobs))
	base := map[int]float64{} // by clients
	for i := range jobs {
		i = (i + n*len(jobs)/r.rounds) % len(jobs)
		o := jobs[i].row.order(jobs[i].stand)
		o.Clients, o.Warm, o.For, o.Least = jobs[i].clients, r.slice/4, r.slice, r.least
		if jobs[i].row.login { // each takes as long as thousands of the others
			o.For *= 2
			o.Least = 1
		}
		var err error
		for try := 0; try == 0 || try < 5 && errors.Is(err, errBusy); try++ {
			got[i], err = jobs[i].stand.slice(l, jobs[i].row, o)
		}
		if err != nil {
			return err
		}
		if jobs[i].row.name == reference {
			base[jobs[i].clients] = got[i].ServerCPU
		}
	}
	for i, one := range got {
		reference := base[jobs[i].clients]
		one.VsReference, one.BothVs = one.ServerCPU/reference, (one.ServerCPU+one.StoreCPU)/reference
		report.add(jobs[i].row, jobs[i].stand, jobs[i].clients, one)
	}
	return nil
}

// chosen returns the rows that -bench.only asks for, and the reference.
func chosen() []row {
	if *onlyFlag == "" {
		return rows
	}
	var some []row
	for _, r := range rows {
		wanted := r.name == reference
		for word := range strings.SplitSeq(*onlyFlag, "+") {
			wanted = wanted || strings.Contains(r.name, word)
		}
		if wanted {
			some = append(some, r)
		}
	}
	return some
}

// profile writes a CPU profile of a slice of r, and of all that its server has
// allocated since the start.
func (s *stand) profile(l *load, r row, dir string, settings round) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, strings.NewReplacer("/", "", ", ", "-", " ", "-").Replace(r.name))
	srv := s.servers[r.server]
	o := r.order(s)
	o.Clients, o.Warm, o.For = settings.clients, settings.slice, 10*settings.slice
	if _, err := l.run(o, func() error {
		if err := srv.do("heap " + name + ".before.allocs"); err != nil {
			return err
		}
		return srv.do("cpu " + name + ".cpu")
	}); err != nil {
		return err
	}
	if err := srv.do("cpu"); err != nil {
		return err
	}
	return srv.do("heap " + name + ".allocs")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// say tells whoever waits for a long round how far it is.
func say(format string, args ...any) {
	if *roundFlag != "short" {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
