package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/testenv"
)

// patience bounds every wait of these tests for something that has to happen
// sooner or later: it is for slow machines and no promise of the product.
const patience = time.Minute

// settings are what the program is configured with, by environment variable.
type settings map[string]string

// embedded is the set-up that needs nothing beside the program.
func embedded(t testing.TB) settings {
	return settings{
		"GATEHOUSE_ADDR":        "127.0.0.1:0",
		"GATEHOUSE_DATA_DIR":    testenv.TempDir(t),
		"GATEHOUSE_RATE_LIMITS": "off",
	}
}

// shared is the set-up whose nodes share a Redis and a PostgreSQL.
func shared(t testing.TB) settings {
	return embedded(t).with("GATEHOUSE_DATABASE_URL", testenv.Postgres(t), "GATEHOUSE_REDIS_URL", testenv.SharedRedis(t))
}

// with returns a copy of s with names set to values, in pairs.
func (s settings) with(pairs ...string) settings {
	all := settings{}
	for name, value := range s {
		all[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

// flags returns s as arguments of the command line. The environment belongs to
// the whole test binary; arguments do not.
func (s settings) flags(command ...string) []string {
	for _, one := range config.Settings() {
		if value, ok := s[one.Env]; ok {
			command = append(command, one.Flag+"="+value)
		}
	}
	return command
}

// setUps are the two ways to run the product; a test that has to hold in both
// runs once for each.
var setUps = map[string]struct {
	settings func(testing.TB) settings
	nodes    int
}{
	"embedded":             {embedded, 1},
	"Redis and PostgreSQL": {shared, 2},
}

// inBothSetUps runs test with the nodes of each set-up. In the embedded one,
// the first node and the other node are the same.
func inBothSetUps(t *testing.T, test func(t *testing.T, first, other *node), pairs ...string) {
	for name, setUp := range setUps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp.settings(t).with(pairs...)
			first := startNode(t, s)
			other := first
			if setUp.nodes > 1 {
				other = startNode(t, s)
			}
			test(t, first, other)
		})
	}
}

// node is one running server.
type node struct {
	settings
	stdout, stderr fmt.Stringer    // what it has printed so far
	url, addr      string          // where it listens
	via            *http.Transport // how to get there; nil: directly

	stop func() int // asks it to stop and returns its exit code
	kill func()     // SIGKILL, if it is a process of its own
}

// startNode starts the program inside the test and waits until it listens.
func startNode(t testing.TB, s settings) *node {
	t.Helper()
	stdout, stderr := &output{}, &output{}
	n := &node{settings: s, stdout: stdout, stderr: stderr}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, program{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr}, s.flags("serve"))
	}()
	n.stop = sync.OnceValue(func() int {
		cancel()
		return exitCode(ended)
	})
	t.Cleanup(func() {
		if code := n.stop(); code != exitOK {
			t.Errorf("exit code %d:\n%s", code, n.stderr)
		}
	})
	if err := n.listens(ended); err != nil {
		t.Fatal(err)
	}
	return n
}

// startProcess starts the program as a process of its own.
func startProcess(t testing.TB, s settings) *node {
	t.Helper()
	n, err := s.process()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.kill)
	return n
}

// goRace keeps programs built with the race detector from resting for a second
// before they end.
const goRace = "atexit_sleep_ms=0"

// process starts the program as a process of its own, without a test to fail.
func (s settings) process() (*node, error) {
	stdout, err := s.printTo("stdout")
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, err := s.printTo("stderr")
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	n := &node{settings: s, stdout: printed(stdout.Name()), stderr: printed(stderr.Name())}
	// The folder is an argument so that testenv, should the tests be killed,
	// finds the process by it.
	cmd := exec.Command("gatehouse", "serve", "--data-dir="+s["GATEHOUSE_DATA_DIR"])
	cmd.Env = []string{"GORACE=" + goRace}
	for name, value := range s {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan int, 1)
	go func() {
		cmd.Wait() // the exit code says all
		ended <- cmd.ProcessState.ExitCode()
	}()
	wait := sync.OnceValue(func() int { return exitCode(ended) })
	n.stop = func() int {
		cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
		return wait()
	}
	n.kill = func() {
		cmd.Process.Kill()
		wait()
	}
	if err := n.listens(ended); err != nil {
		n.kill()
		return nil, err
	}
	return n, nil
}

// printed is a file that a process prints into. Unlike a pipe, it shows what the
// process has printed as soon as that has been printed.
type printed string

func (p printed) String() string {
	text, err := os.ReadFile(string(p))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s settings) printTo(name string) (*os.File, error) {
	return os.CreateTemp(s["GATEHOUSE_DATA_DIR"], name)
}

// stuck is the exit code of a program that does not end.
const stuck = -99

func exitCode(ended <-chan int) int {
	select {
	case code := <-ended:
		return code
	case <-time.After(patience):
		return stuck
	}
}

var greeting = regexp.MustCompile(`is listening on (\S+):`)

// listens waits until the node has printed where it listens, and answers.
func (n *node) listens(ended chan int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if found := greeting.FindStringSubmatch(n.stdout.String()); found != nil {
			n.addr = found[1]
			n.url = "http://" + n.addr
			// It answers once it has printed all it has to say.
			_, err := newClient(nil).send(n, http.MethodGet, "/healthz", nil)
			return err
		}
		select {
		case code := <-ended:
			ended <- code
			return fmt.Errorf("the program ended with code %d:\n%s", code, n.stderr)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the program does not say where it listens:\n%s", n.stderr)
		}
	}
}

// dial opens a connection to n.
func (n *node) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", n.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// setupCode returns the code of the one-time link that n has printed; empty if
// it has printed none.
func (n *node) setupCode() string {
	_, code, _ := strings.Cut(n.stdout.String(), "/setup?code=")
	return strings.TrimSpace(code)
}

// command runs a command of the program on the stores of n.
func (n *node) command(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	stores := settings{}
	for _, name := range []string{"GATEHOUSE_DATA_DIR", "GATEHOUSE_DATABASE_URL", "GATEHOUSE_REDIS_URL"} {
		if value, ok := n.settings[name]; ok {
			stores[name] = value
		}
	}
	return command(t, stdin, stores.flags(args...)...)
}

// command runs the program to its end.
func command(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, err output
	code = run(ctx, program{stdin: strings.NewReader(stdin), stdout: &out, stderr: &err}, args)
	return code, out.String(), err.String()
}

// output collects what the program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// eventually waits until is returns true and fails the test if it never does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain until: %s", patience, what)
		}
	}
}
