package main

import (
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"gatehouse/internal/hashworker"
	"gatehouse/internal/user"
)

// hashWorkerCmd is what serve starts itself as, to compute password hashes. It is not
// in the help: typed by hand it waits for something that nobody types.
type hashWorkerCmd struct{}

// Run computes until the server closes the pipe. Signals that stop a server, and that
// a terminal or a service manager may send to all its processes, do not stop a worker:
// the server still finishes requests.
func (hashWorkerCmd) Run(p program) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	_ = os.WriteFile("/proc/self/comm", []byte("gatehouse-hash"), 0) // Linux: else lists of processes call it exe
	return hashworker.Serve(p.stdin, p.stdout)
}

// hashWorkerCommand returns the command of a worker.
func hashWorkerCommand() *exec.Cmd {
	self := "/proc/self/exe" // this very program, even if another version has taken its place meanwhile
	if runtime.GOOS != "linux" {
		self, _ = os.Executable() // where it is not known, no worker can be started, which is said
	}
	return &exec.Cmd{Path: self, Args: []string{os.Args[0], "hash-worker"}}
}

// newHasher returns the server's hasher, and what ends its processes.
func (p program) newHasher(log *slog.Logger) (h *user.Hasher, stop func(), err error) {
	if p.hashWorker == nil {
		h, err = user.NewHasher(user.HasherConfig{})
		return h, func() {}, err
	}
	workers := hashworker.New(hashworker.Config{Command: p.hashWorker, Log: log})
	h, err = user.NewHasher(user.HasherConfig{Derive: workers.Derive})
	return h, workers.Close, err
}
