package figures

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var (
	roundFlag = flag.String("figures", "short", "`round` to measure: short, full or million (many minutes)")
	jsonFlag  = flag.String("figures.json", "", "also write the figures to this `file`")
)

// round says how much is measured.
type round struct {
	trials   int  // forced log-outs, of Gatehouse and of stock scs each
	requests int  // whose round trips are counted, per kind of request
	sessions int  // whose memory is measured, per way to spread them over users
	ended    int  // sessions in Redis when everyone is put out
	promised bool // whether these are so many that a time is promised for their end
}

var rounds = map[string]round{
	"short":   {trials: 20, requests: 200, sessions: 5_000, ended: 4_000},
	"full":    {trials: 200, requests: 1_000, sessions: 100_000, ended: 100_000},
	"million": {trials: 200, requests: 1_000, sessions: 100_000, ended: 1_000_000, promised: true},
}

// TestFigures measures everything, one after the other: figures taken side by
// side would disturb each other.
func TestFigures(t *testing.T) {
	r, ok := rounds[*roundFlag]
	if !ok {
		t.Fatalf("-figures=%s: there is a short, a full and a million round", *roundFlag)
	}
	began := time.Now()
	report := Report{Round: *roundFlag, Machine: machine(t)}
	for _, part := range []struct {
		name    string
		measure func(*testing.T)
	}{
		{"forced log-out", func(t *testing.T) { report.LogOut = measureLogOut(t, r.trials) }},
		{"round trips", func(t *testing.T) { report.Cost = measureCost(t, r.requests) }},
		{"ends", func(t *testing.T) { report.Ends = measureEnds(t, r.ended, r.promised) }},
		{"memory", func(t *testing.T) { report.Memory = measureMemory(t, r.sessions) }},
	} {
		if *roundFlag != "short" {
			fmt.Fprintf(os.Stderr, "measuring: %s …\n", part.name) // it takes a while
		}
		if !t.Run(part.name, part.measure) {
			return // half a table would look like a whole one
		}
	}
	report.Took = time.Since(began)
	fmt.Print(report)
	if *jsonFlag != "" {
		must(t, os.WriteFile(*jsonFlag, report.json(), 0o644))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
