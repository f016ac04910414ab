package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/bench/probe"
	"gatehouse/internal/testenv"
)

// patience bounds waits for what has to happen sooner or later.
const patience = time.Minute

// node is one running gatehouse process.
type node struct {
	name   string
	pid    int
	url    string
	socket string // of its probe
	log    string // file
}

var greeting = regexp.MustCompile(`is listening on (\S+):`)

// startNode starts a node and waits until it listens.
func startNode(t testing.TB, bin, name string, env []string) *node {
	t.Helper()
	dir := testenv.TempDir(t)
	n := &node{name: name, socket: filepath.Join(dir, "probe"), log: filepath.Join(dir, "log")}
	out, err := os.Create(filepath.Join(dir, "stdout"))
	must(t, err)
	defer out.Close()
	log, err := os.Create(n.log)
	must(t, err)
	defer log.Close()
	// The folder is an argument so that testenv, should the tests be killed,
	// finds the process by it.
	cmd := exec.Command(bin, "serve", "--data-dir="+dir)
	cmd.Env = append(env, probe.SocketEnv+"="+n.socket)
	cmd.Stdout, cmd.Stderr = out, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // killed, as a rule
		close(ended)
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	n.pid = cmd.Process.Pid
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(out.Name())
		must(t, err)
		if found := greeting.FindStringSubmatch(string(text)); found != nil {
			n.url = "http://" + found[1]
			return n
		}
		select {
		case <-ended:
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(n.log)
			t.Fatalf("%s does not listen:\n%s", name, text)
		}
	}
}

// held is what a node holds at a moment.
type held struct {
	probe.State
	resident float64 // MB
	files    int     // descriptors, sockets among them
	sockets  int
}

func (n *node) look() (h held, err error) {
	if h.State, err = probe.AskState(n.socket); err != nil {
		return h, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.pid))
	if err != nil {
		return h, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kB float64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		return h, fmt.Errorf("resident memory of %s: %w", n.name, err)
	}
	h.resident = kB / 1024
	dir := fmt.Sprintf("/proc/%d/fd", n.pid)
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			h.sockets++
		}
	}
	h.files = len(files)
	return h, err
}

// plant makes the node leak from now on.
func (n *node) plant(what string) error {
	answer, err := probe.Ask(n.socket, "plant "+what)
	if err == nil && answer != "ok" {
		err = fmt.Errorf("probe: plant %s: %s", what, answer)
	}
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
