package bench

import (
	"os/exec"
	"strings"
	"testing"
)

// checkCounts holds the rows to what they must not cost more of, whatever the
// machine does: counts, no times.
func checkCounts(t *testing.T, r *Report) {
	t.Helper()
	if want := len(rows); len(r.Rows) < want {
		t.Errorf("%d rows measured, want at least %d", len(r.Rows), want)
	}
	for _, row := range r.Rows {
		if n := row.Samples[0].Requests; n == 0 || row.Samples[0].ServerCPU <= 0 {
			t.Errorf("%s, %v: %+v", row.Row, row.Population, row.Samples[0])
		}
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
