package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"strings"
	"testing"
	"time"

	"gatehouse/internal/bench/probe"
	"gatehouse/internal/measure"
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

// startNode starts a node and waits until it listens.
func startNode(t testing.TB, bin, name string, env []string) *node {
	t.Helper()
	dir := testenv.TempDir(t)
	n := &node{name: name, socket: filepath.Join(dir, "probe"), log: filepath.Join(dir, measure.LogFile)}
	// The folder is an argument so that testenv, should the tests be killed,
	// finds the process by it.
	cmd := exec.Command(bin, "serve", "--data-dir="+dir)
	cmd.Env = append(env, probe.SocketEnv+"="+n.socket)
	addr, stop, err := measure.Start(cmd, dir)
	t.Cleanup(stop)
	must(t, err)
	n.pid, n.url = cmd.Process.Pid, "http://"+addr
	return n
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
