package testenv

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// watchEnv turns a test binary into the watchdog of the folder it names.
	watchEnv   = "GATEHOUSE_TESTENV_WATCH"
	rootPrefix = "gatehouse-testenv-"
)

// The watchdog is the test binary itself, started a second time: it needs no
// other program, and it kills with the same code as the tests do.
func init() {
	if root := os.Getenv(watchEnv); root != "" {
		watch(root)
		os.Exit(0)
	}
}

// watch waits for the test binary to end, however it ends, which closes our
// standard input. Then it kills what is left and removes the folder.
func watch(root string) {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	io.Copy(io.Discard, os.Stdin)
	if !strings.HasPrefix(filepath.Base(root), rootPrefix) {
		return
	}
	notes, _ := filepath.Glob(filepath.Join(root, "pids", "*"))
	for _, note := range notes {
		pid, err := strconv.Atoi(filepath.Base(note))
		if err != nil {
			continue
		}
		born, _ := os.ReadFile(note)
		if p, ok := processes()[pid]; ok && p.born == string(born) {
			killTree(pid)
		}
	}
	// Chromium is started by chromedp, which leaves no note here, but its
	// processes name their profile in their arguments.
	for range 50 {
		killMentioning(root)
		if os.RemoveAll(root) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// home is the folder under which this test binary keeps everything.
type home struct {
	path string
	// watch is the watchdog's pipe. It is kept here because, once collected,
	// its finalizer would close it and the watchdog strike while tests run.
	watch io.Closer
}

// root makes the home and starts the watchdog with it.
var root = sync.OnceValues(func() (home, error) {
	dir, err := os.MkdirTemp("", rootPrefix)
	if err != nil {
		return home{}, err
	}
	// PostgreSQL may run as another user and has to get through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return home{}, err
	}
	if err := os.Mkdir(filepath.Join(dir, "pids"), 0o700); err != nil {
		return home{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return home{}, err
	}
	cmd := exec.Command(self)
	cmd.Dir = "/"
	cmd.Env = []string{watchEnv + "=" + dir}
	// Its own session: Ctrl-C in the terminal must not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return home{}, err
	}
	if err := cmd.Start(); err != nil {
		return home{}, fmt.Errorf("starting the watchdog: %w", err)
	}
	return home{path: dir, watch: pipe}, nil
})

// folder makes an empty folder that is gone after the test binary has ended.
func folder(name string) (string, error) {
	h, err := root()
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(h.path, name+"-")
}

// TempDir returns an empty folder that is removed after the test. Unlike that
// of testing.TB, a straggler that still writes into it does not fail the test.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := folder("temp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) // what is left is the watchdog's
	return dir
}

// note tells the watchdog about a running process.
func note(pid int) error {
	h, err := root()
	if err != nil {
		return err
	}
	return os.WriteFile(h.note(pid), []byte(processes()[pid].born), 0o600)
}

// forget takes back note, once the process has been reaped.
func forget(pid int) {
	if h, err := root(); err == nil {
		os.Remove(h.note(pid))
	}
}

func (h home) note(pid int) string {
	return filepath.Join(h.path, "pids", strconv.Itoa(pid))
}
