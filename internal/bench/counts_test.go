package bench

import (
	"os/exec"
	"strings"
	"testing"
)

// most is what a request of a row may count, whatever the machine does: a guard
// against what creeps in, since times would not do as one. Allocations are those
// of the whole server, net/http included, and as measured plus a few; round
// trips and commands leave room for what the gate asks twice a second. Commands are
// as many as round trips where none are told: those inside scripts count. Whoever
// makes a row cheaper lowers them; whoever has to raise them says why. In a short
// round a remembered token may be met for the first time with every request, and then
// costs as much as a new one.
var most = map[string]struct{ allocs, roundTrips, commands float64 }{
	"check, Redis":                      {allocs: 31, roundTrips: 1.25},
	"check, embedded":                   {allocs: 36},
	"me by cookie, Redis":               {allocs: 32, roundTrips: 1.25},
	"me by cookie, embedded":            {allocs: 36},
	"me by bearer remembered, Redis":    {allocs: 160, roundTrips: 1.25},
	"me by bearer remembered, embedded": {allocs: 165},
	"me by bearer new, Redis":           {allocs: 160, roundTrips: 1.25},
	"me by bearer new, embedded":        {allocs: 165},
	// GET is the check; the list is EVALSHA_RO, and in it ZRANGE and MGET.
	"/mypage, Redis":    {allocs: 230, roundTrips: 2.5, commands: 4.5},
	"/mypage, embedded": {allocs: 305},
}

// checkCounts holds the rows to them.
func checkCounts(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Rows) < len(rows) {
		t.Errorf("%d rows measured, want at least %d", len(r.Rows), len(rows))
	}
	held := 0
	for _, row := range r.Rows {
		got := row.Samples[0]
		if got.Requests == 0 || got.ServerCPU <= 0 || got.Allocs <= 0 || row.HasRedis && got.RoundTrips <= 0 {
			t.Errorf("%s, %v: nothing measured: %+v", row.Row, row.Population, got)
		}
		limit, ok := most[row.Row]
		if !ok || row.Population.PerUser > 1 { // a longer list is a longer page
			continue
		}
		held++
		if limit.commands == 0 {
			limit.commands = limit.roundTrips
		}
		if got.Allocs > limit.allocs || got.RoundTrips > limit.roundTrips || got.Commands > limit.commands {
			t.Errorf("%s: %.1f allocations, %.2f round trips, %.2f commands; at most %.0f, %.2f and %.2f", row.Row,
				got.Allocs, got.RoundTrips, got.Commands, limit.allocs, limit.roundTrips, limit.commands)
		}
	}
	if held != len(most) {
		t.Errorf("%d rows held to their counts, want %d", held, len(most))
	}
}

// commit names what is measured.
func commit(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown" // a copy of the source without its history
	}
	return strings.TrimSpace(string(out))
}
