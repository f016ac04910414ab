package bench

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// cores are where what runs. The load generator and Redis share one where there
// are only two; the server has its own wherever there is more than one.
type cores struct{ server, load, redis int }

// findCores looks at what this process may run on.
func findCores() (cores, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return cores{}, err
	}
	_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ = strings.Cut(list, "\n")
	var all []int
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil {
			return cores{}, fmt.Errorf("cores of this process: %q", list)
		}
		for n := first; n <= last; n++ {
			all = append(all, n)
		}
	}
	c := cores{load: all[0], redis: all[0], server: all[len(all)-1]}
	if len(all) > 2 {
		c.redis = all[1]
	}
	return c, nil
}

// anywhere is no core in particular.
const anywhere = -1

// pinned returns the command that runs argv on one core.
func pinned(core int, argv ...string) (*exec.Cmd, error) {
	if core == anywhere {
		return exec.Command(argv[0], argv[1:]...), nil
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return nil, fmt.Errorf("taskset is not installed: it is in the Debian package util-linux")
	}
	return exec.Command(taskset, append([]string{"-c", strconv.Itoa(core)}, argv...)...), nil
}

// pin moves a running process, all its threads, to one core.
func pin(pid, core int) error {
	if out, err := exec.Command("taskset", "-a", "-c", "-p", strconv.Itoa(core), strconv.Itoa(pid)).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}
