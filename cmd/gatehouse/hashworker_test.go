package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gatehouse/internal/measure"
	"gatehouse/internal/testenv"
)

// The program as it is built hashes passwords in a process of its own. Killing that
// costs nobody a log-in, the signals that stop a server do not end it, and it does
// not outlive the server, whether that is stopped or killed.
func TestPasswordsAreHashedInAProcessOfTheirOwn(t *testing.T) {
	t.Parallel()
	dir := testenv.TempDir(t)
	bin, err := measure.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	serve := func() (*exec.Cmd, string, func()) {
		cmd := exec.Command(bin, "serve", "--data-dir="+dir)
		cmd.Env = []string{"GATEHOUSE_ADDR=127.0.0.1:0", "GATEHOUSE_RATE_LIMITS=off"}
		addr, stop, err := measure.Start(cmd, dir)
		t.Cleanup(stop)
		if err != nil {
			t.Fatal(err)
		}
		return cmd, addr, stop
	}
	post := func(addr, path, form string, want int) {
		t.Helper()
		r, err := http.NewRequest("POST", "http://"+addr+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
	right, wrong := formOf([]string{"username=kim", "password=" + password}).Encode(), formOf([]string{"username=kim", "password=not it"}).Encode()
	logsIn := func(addr string) {
		t.Helper()
		post(addr, "/login", right, http.StatusSeeOther)
		post(addr, "/login", wrong, http.StatusUnauthorized)
	}

	server, addr, _ := serve()
	post(addr, "/signup", right, http.StatusSeeOther)
	worker := onlyChild(t, server.Process.Pid)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", worker))
	if err != nil || !strings.HasSuffix(string(text), "\x00hash-worker\x00") {
		t.Errorf("the server has started %q, %v", text, err)
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		syscall.Kill(worker, s)
	}
	logsIn(addr)
	if now := onlyChild(t, server.Process.Pid); now != worker {
		t.Error("a signal for the server has ended the worker")
	}
	syscall.Kill(worker, syscall.SIGKILL)
	logsIn(addr)
	worker = onlyChild(t, server.Process.Pid)
	server.Process.Signal(syscall.SIGTERM)
	isGone(t, worker)

	server, addr, kill := serve()
	logsIn(addr)
	worker = onlyChild(t, server.Process.Pid)
	kill()
	isGone(t, worker)
	if log, err := os.ReadFile(filepath.Join(dir, measure.LogFile)); err != nil || strings.Contains(string(log), "WARN") {
		t.Errorf("the log says %s, %v", log, err)
	}
}

// onlyChild returns the pid of the one process that pid has started and that lives.
func onlyChild(t *testing.T, pid int) int {
	t.Helper()
	var living []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // threads come and go
		for _, child := range strings.Fields(string(text)) {
			if id, err := strconv.Atoi(child); err == nil && !isDead(id) {
				living = append(living, id)
			}
		}
	}
	if len(living) != 1 {
		t.Fatalf("the server has the processes %d, want one", living)
	}
	return living[0]
}

// isDead reports whether pid is no process, or one that waits to be buried.
func isDead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " Z")
}

func isGone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "the worker has ended", func() bool { return isDead(pid) })
}
