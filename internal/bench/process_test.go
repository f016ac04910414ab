package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/internal/bench/probe"
	"gatehouse/internal/measure"
	"gatehouse/internal/testenv"
)

// patience bounds waits for what has to happen sooner or later.
const patience = time.Minute

// server is one running server, pinned to its core.
type server struct {
	pid    int
	addr   string
	socket string // of its probe
}

// startServer runs argv on a core until the test is over and waits until it
// listens. The folder dir has to be among argv: testenv finds by it what is left
// should the tests be killed.
func startServer(t testing.TB, core int, dir string, env []string, argv ...string) *server {
	t.Helper()
	cmd, err := pinned(core, argv...)
	must(t, err)
	s := &server{socket: filepath.Join(dir, "probe")}
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a server killed here before
		t.Fatal(err)
	}
	cmd.Env = append(env, probe.SocketEnv+"="+s.socket)
	if *profileFlag != "" {
		cmd.Env = append(cmd.Env, probe.FineEnv+"=1")
	}
	addr, stop, err := measure.Start(cmd, dir)
	t.Cleanup(stop)
	must(t, err)
	s.addr, s.pid = addr, cmd.Process.Pid // taskset becomes what it starts
	return s
}

// ask sends a line to the probe in s and returns its answer.
func (s *server) ask(line string) (string, error) { return probe.Ask(s.socket, line) }

// allocs returns how many objects and bytes s has allocated so far.
func (s *server) allocs() (objects, bytes int, err error) {
	answer, err := s.ask("allocs")
	if err == nil {
		_, err = fmt.Sscan(answer, &objects, &bytes)
	}
	return objects, bytes, err
}

// do is ask for what answers ok.
func (s *server) do(line string) error {
	answer, err := s.ask(line)
	if err == nil && answer != "ok" {
		err = fmt.Errorf("probe: %s: %s", line, answer)
	}
	return err
}

// build makes the program, with the probe in it.
func build(t testing.TB) string {
	t.Helper()
	bin, err := measure.Build(testenv.TempDir(t))
	must(t, err)
	return bin
}
