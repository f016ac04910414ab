package figures

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/testenv"
)

// Report is everything that was measured. Durations are nanoseconds in JSON.
type Report struct {
	Round   string
	Machine Machine
	Took    time.Duration
	LogOut  []LogOut
	Cost    []Cost
	Memory  []Memory
	Ends    []Ends
}

// Machine is where it was measured.
type Machine struct {
	Cores     int
	OS, Arch  string
	Go, Redis string
}

func machine(t *testing.T) Machine {
	info := readInfo(t, dial(t, testenv.SharedRedis(t)))
	return Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), info["redis_version"]}
}

// String returns the report as tables.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Gatehouse figures, %s round: %d cores, %s/%s, %s, Redis %s (append-only file on), in %v\n",
		r.Round, r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Machine.Go, r.Machine.Redis, r.Took.Round(time.Second))
	fmt.Fprintf(&b, "\nForced log-out under load: %d clients on one session over two nodes, every request writes to the\n"+
		"session; an administrator ends it on one node; what happens after that has been answered. The ledger is in\n"+
		"PostgreSQL without fsync, so an end on a real disk takes longer than here.\n\n", clients)
	measure.Table(&b, logOutRows(r.LogOut))
	fmt.Fprintf(&b, "\nRedis per request of a signed-in person (INFO: commandstats, total_reads_processed). The gate asks besides, by\n"+
		"the clock and whatever the requests: every %v on each connection in use, whether it leads to the same server\n"+
		"(INFO) and how much of the ledger that has applied (MGET), and the latter once more for the node (SLOWLOG)\n\n", gateEvery)
	measure.Table(&b, costRows(r.Cost))
	fmt.Fprintf(&b, "\nRedis memory per session (INFO: used_memory after minus before, divided by sessions)\n\n")
	measure.Table(&b, memoryRows(r.Memory))
	fmt.Fprintf(&b, "\nEnding many: one user with %d sessions, then everyone, while %d clients check their sessions (median, 99%% and\n"+
		"worst of a check); the longest single command is what Redis says (SLOWLOG)\n\n", perUser, probes)
	measure.Table(&b, endRows(r.Ends))
	return b.String()
}

func (r Report) json() []byte {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // nothing in it that JSON cannot say
	}
	return append(b, '\n')
}
