package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

var greeting = regexp.MustCompile(`is listening on (\S+):`)

// startServer runs argv on a core until the test is over and waits until it
// listens. The folder dir has to be among argv: testenv finds by it what is left
// should the tests be killed.
func startServer(t testing.TB, core int, dir string, env []string, argv ...string) *server {
	t.Helper()
	cmd, err := pinned(core, argv...)
	must(t, err)
	s := &server{socket: filepath.Join(dir, "probe")}
	out, err := os.Create(filepath.Join(dir, "stdout"))
	must(t, err)
	defer out.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer log.Close()
	cmd.Env = append(env, probe.SocketEnv+"="+s.socket)
	if *profileFlag != "" {
		cmd.Env = append(cmd.Env, probe.FineEnv+"=1")
	}
	cmd.Stdout, cmd.Stderr = out, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // killed, as a rule
		close(ended)
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	s.pid = cmd.Process.Pid // taskset becomes what it starts
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(out.Name())
		must(t, err)
		if found := greeting.FindStringSubmatch(string(text)); found != nil {
			s.addr = found[1]
			return s
		}
		select {
		case <-ended:
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not listen:\n%s", argv[0], text)
		}
	}
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
