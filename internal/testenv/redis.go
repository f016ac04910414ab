package testenv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// RedisProc is a redis-server that belongs to one test.
type RedisProc struct {
	t    testing.TB
	proc *process
}

// RedisServer starts a redis-server for this test: append-only file on, no
// snapshots, no eviction. Args such as "--appendonly", "no" override that.
func RedisServer(t testing.TB, args ...string) *RedisProc {
	t.Helper()
	proc, err := startRedis(args...)
	if err != nil {
		t.Fatalf("redis-server: %v", err)
	}
	t.Cleanup(proc.remove)
	return &RedisProc{t: t, proc: proc}
}

// URL returns redis://127.0.0.1:port/0.
func (r *RedisProc) URL() string { return "redis://" + r.proc.addr() + "/0" }

// Addr returns 127.0.0.1:port.
func (r *RedisProc) Addr() string { return r.proc.addr() }

// Dir returns the folder that holds its data.
func (r *RedisProc) Dir() string { return filepath.Join(r.proc.dir, "data") }

// Log returns the name of the file with all that the server has printed, also
// before it was stopped or killed. It is gone after the test.
func (r *RedisProc) Log() string { return r.proc.logPath() }

// Pause holds the server with SIGSTOP: connections open, and nothing answers.
func (r *RedisProc) Pause() { r.t.Helper(); r.must("pause", r.proc.pause()) }

// Resume undoes Pause.
func (r *RedisProc) Resume() { r.t.Helper(); r.must("resume", r.proc.resume()) }

// Stop shuts the server down in order and waits. Stopping a stopped server
// does nothing.
func (r *RedisProc) Stop() { r.t.Helper(); r.must("stop", r.proc.stop()) }

// Kill ends the server with SIGKILL, without a chance to write anything.
func (r *RedisProc) Kill() { r.proc.kill() }

// Start starts a stopped or killed server again, on the same port and data.
func (r *RedisProc) Start() { r.t.Helper(); r.must("start", r.proc.start()) }

func (r *RedisProc) must(what string, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("redis-server: %s: %v", what, err)
	}
}

const sharedDatabases = 10000

var (
	sharedRedis = sync.OnceValues(func() (*process, error) {
		return startRedis("--databases", strconv.Itoa(sharedDatabases))
	})
	sharedRedisNext atomic.Int64
)

// SharedRedis returns the URL of an empty logical database on a server that
// the tests of this binary share. Pub/sub channels, CONFIG and scripts are the
// whole server's: a test that minds takes [RedisServer].
func SharedRedis(t testing.TB) string {
	t.Helper()
	proc, err := sharedRedis()
	if err != nil {
		t.Fatalf("redis-server: %v", err)
	}
	db := sharedRedisNext.Add(1)
	if db >= sharedDatabases {
		t.Fatalf("redis-server: more than %d tests asked for a database", sharedDatabases-1)
	}
	return fmt.Sprintf("redis://%s/%d", proc.addr(), db)
}

func startRedis(args ...string) (*process, error) {
	proc, err := redisProcess()
	if err != nil {
		return nil, err
	}
	proc.more = func() []string { return args }
	if err := proc.launch(); err != nil {
		proc.remove()
		return nil, err
	}
	return proc, nil
}

// redisProcess returns a redis-server that has not been started yet.
func redisProcess() (*process, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, missing("redis-server", "redis-server")
	}
	dir, err := folder("redis")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "redis.conf")
	proc := &process{dir: dir, ready: redisReady, stopSignal: syscall.SIGTERM}
	proc.command = func(port int) []string {
		writeConf(conf, port, confLines(append([]string{"--dir", data, "--save", "", "--appendonly", "yes",
			"--maxmemory-policy", "noeviction"}, proc.more()...)))
		return []string{bin, conf}
	}
	return proc, nil
}

// writeConf writes the configuration of a Redis or a sentinel, unless it is there
// already: both write into it what they learn, whose replica they are for one,
// and have to come back as what they were.
func writeConf(name string, port int, lines string) {
	begin := fmt.Sprintf("port %d\n", port)
	if old, err := os.ReadFile(name); err != nil || !strings.Contains(string(old), begin) {
		os.WriteFile(name, []byte(begin+"bind 127.0.0.1\n"+lines), 0o600) // if it fails the server says so
	}
}

// confLines turns arguments, each "--name" followed by its values, into lines.
func confLines(args []string) string {
	var lines strings.Builder
	for _, a := range args {
		if name, is := strings.CutPrefix(a, "--"); is {
			lines.WriteString("\n" + name)
		} else {
			lines.WriteString(" " + strconv.Quote(a))
		}
	}
	return lines.String() + "\n"
}

// redisReady asks who answers: on a port that two servers wanted, it may be
// somebody else's.
func redisReady(pid, port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "INFO\r\n"); err != nil {
		return false
	}
	r := bufio.NewReader(c)
	head, err := r.ReadString('\n')
	if err != nil {
		return false
	}
	if strings.HasPrefix(head, "-NOAUTH") {
		return true // the test set a password, so it is its own server
	}
	length, err := strconv.Atoi(strings.Trim(head, "$\r\n"))
	if err != nil || length < 0 {
		return false
	}
	info := make([]byte, length)
	if _, err := io.ReadFull(r, info); err != nil {
		return false
	}
	return strings.Contains(string(info), fmt.Sprintf("\nprocess_id:%d\r", pid)) &&
		!strings.Contains(string(info), "\nloading:1\r")
}

// missing is the error for a program that is not installed.
func missing(program, debianPackage string) error {
	return fmt.Errorf("%s is not installed: it is in the Debian package %s; `make deps` installs or names what the tests need",
		program, debianPackage)
}
