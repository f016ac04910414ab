package hashworker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// TestMain is, besides the tests, the main program of a worker and that of a server
// which is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "hash-worker":
			if err := Serve(os.Stdin, os.Stdout); err != nil {
				os.Exit(1)
			}
			os.Exit(0)
		case "server":
			p := New(Config{Command: command, Log: slog.New(slog.DiscardHandler)})
			p.Derive([]byte("x"), []byte("saltsaltsalt"), cheap)
			fmt.Println(p.idle[0].cmd.Process.Pid)
			select {} // until it is killed
		}
	}
	os.Exit(m.Run())
}

var cheap = user.Params{Memory: 64, Time: 1, Threads: 1, SaltLen: 12, KeyLen: 32}

const (
	patience = 30 * time.Second // of the tests, with a busy machine
	never    = time.Hour
)

func command() *exec.Cmd { return exec.Command("/proc/self/exe", "hash-worker") }

// pool is a Pool, how many workers it has started, and its log.
type pool struct {
	*Pool
	started *atomic.Int64
	log     *safeBuffer
}

func newPool(t *testing.T, c Config) pool {
	t.Helper()
	p := pool{started: new(atomic.Int64), log: new(safeBuffer)}
	if c.Command == nil {
		c.Command = command
	}
	run := c.Command
	c.Command = func() *exec.Cmd { p.started.Add(1); return run() }
	c.Log = slog.New(slog.NewTextHandler(p.log, nil))
	if c.Patience == 0 {
		c.Patience = patience
	}
	p.Pool = New(c)
	t.Cleanup(p.Close)
	return p
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// derives has p compute a hash and fails unless the key is right.
func (p pool) derives(t *testing.T, password string, costs user.Params) {
	t.Helper()
	salt := bytes.Repeat([]byte("s"), int(costs.SaltLen))
	if got, want := p.Derive([]byte(password), salt, costs), user.Argon2id([]byte(password), salt, costs); !bytes.Equal(got, want) {
		t.Errorf("a password of %d bytes at %+v: %x, want %x", len(password), costs, got, want)
	}
}

// worker returns the pid of the one worker that waits for a job.
func (p pool) worker(t *testing.T) int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) != 1 || len(p.busy) != 0 {
		t.Fatalf("%d workers wait and %d work, want one that waits\n%s", len(p.idle), len(p.busy), p.log)
	}
	return p.idle[0].cmd.Process.Pid
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

// gone reports whether there is no process pid, or one that waits to be buried.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || fieldsOf(stat)[0] == "Z"
}

// fieldsOf returns what follows the name in /proc/PID/stat: state, parent, …
func fieldsOf(stat []byte) []string {
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

func TestKeysAreThoseOfArgon2id(t *testing.T) {
	p := newPool(t, Config{})
	for _, password := range []string{"", "kV9#qLz2mW", "비밀번호", "a\x00b\n", strings.Repeat("x", maxPassword)} {
		p.derives(t, password, cheap)
	}
	p.derives(t, "x", user.DefaultParams)
	p.derives(t, "x", user.Params{Memory: 1024, Time: 3, Threads: 4, SaltLen: 12, KeyLen: 64})
	if n := p.started.Load(); n != 1 {
		t.Errorf("%d workers for one job after the other", n)
	}
	p.worker(t) // all of these it computed
	p.derives(t, strings.Repeat("x", maxPassword+1), cheap)
	if log := p.log.String(); log != "" {
		t.Errorf("the log says %s", log)
	}
}

func TestAsManyWorkersAsJobs(t *testing.T) {
	p := newPool(t, Config{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 5 {
				p.derives(t, fmt.Sprint(i, j), cheap)
			}
		})
	}
	all.Wait()
	if n := p.started.Load(); n < 1 || n > 4 {
		t.Errorf("%d workers for four jobs at a time", n)
	}
}

func TestWorkerWithoutAJobIsEnded(t *testing.T) {
	p := newPool(t, Config{Idle: 10 * time.Millisecond})
	for range 3 {
		p.derives(t, "x", cheap)
		eventually(t, "no worker is left", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.idle)+len(p.busy) == 0
		})
	}
	if n := p.started.Load(); n != 3 {
		t.Errorf("%d workers for three jobs with a pause between", n)
	}
}

// A worker that has died while it waited costs nobody anything.
func TestWorkerKilled(t *testing.T) {
	p := newPool(t, Config{})
	p.derives(t, "x", cheap)
	first := p.worker(t)
	syscall.Kill(first, syscall.SIGKILL)
	eventually(t, "the worker is dead", func() bool { return gone(first) })
	p.derives(t, "y", cheap)
	if second := p.worker(t); second == first || p.started.Load() != 2 || p.log.String() != "" {
		t.Errorf("after %d came %d, %d started\n%s", first, second, p.started.Load(), p.log)
	}
}

// One that does not get to run, here because it is stopped, delays a hash by the
// pool's patience, is killed, and is not replaced at once.
func TestWorkerStarved(t *testing.T) {
	const password = "kV9#qLz2mW"
	p := newPool(t, Config{Patience: 100 * time.Millisecond, Rest: never})
	p.Patience = patience // to start
	p.derives(t, password, cheap)
	pid := p.worker(t)
	p.Patience = 100 * time.Millisecond
	syscall.Kill(pid, syscall.SIGSTOP)
	for range 3 {
		p.derives(t, password, cheap)
	}
	if !gone(pid) {
		t.Error("the worker is still there")
	}
	if n := p.started.Load(); n != 1 {
		t.Errorf("%d workers started; it was to rest", n)
	}
	if log := p.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, errStarved.Error()) || strings.Contains(log, password) {
		t.Errorf("the log says %s", log)
	}
	p.mu.Lock()
	p.resting, p.Patience = time.Time{}, patience
	p.mu.Unlock()
	p.derives(t, password, cheap)
	p.worker(t)
}

// A costly hash may take longer.
func TestPatienceGrowsWithTheCosts(t *testing.T) {
	p := New(Config{})
	for _, test := range []struct {
		costs user.Params
		want  time.Duration
	}{
		{cheap, time.Second},
		{user.DefaultParams, time.Second},
		{user.Params{Memory: 10 * 19 * 1024, Time: 4, Threads: 1}, 20 * time.Second},
		{user.Params{Memory: 256 * 1024, Time: 16, Threads: 1}, 107 * time.Second},
	} {
		if got := p.patience(test.costs); got != test.want {
			t.Errorf("%+v: %v, want %v", test.costs, got, test.want)
		}
	}
}

// Where no worker can be started, or where it dies at once, the server computes.
func TestNoWorker(t *testing.T) {
	for name, run := range map[string]func() *exec.Cmd{
		"no such program": func() *exec.Cmd { return exec.Command(filepath.Join(t.TempDir(), "missing")) },
		"ends at once":    func() *exec.Cmd { return exec.Command("/bin/false") },
	} {
		p := newPool(t, Config{Command: run, Rest: never})
		for range 3 {
			p.derives(t, "x", cheap)
		}
		if n := p.started.Load(); n != 1 || strings.Count(p.log.String(), "\n") != 1 {
			t.Errorf("%s: tried %d times\n%s", name, n, p.log)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	p := newPool(t, Config{Rest: never})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { p.derives(t, "x", user.DefaultParams) })
	}
	all.Wait()
	p.mu.Lock()
	var pids []int
	for _, w := range p.idle {
		pids = append(pids, w.cmd.Process.Pid)
	}
	p.mu.Unlock()
	if len(pids) == 0 {
		t.Fatalf("no worker waits\n%s", p.log)
	}
	syscall.Kill(pids[len(pids)-1], syscall.SIGSTOP)
	all.Go(func() { p.derives(t, "x", cheap) }) // by that one: it never comes to an end
	eventually(t, "one works", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.busy) == 1
	})
	p.Close()
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("worker %d is still there", pid)
		}
	}
	all.Wait() // with the right key
	started := p.started.Load()
	p.derives(t, "x", cheap)
	if p.started.Load() != started {
		t.Error("a closed pool has started a worker")
	}
	if log := p.log.String(); log != "" {
		t.Errorf("the log says %s", log)
	}
}

// A server that is killed leaves no worker.
func TestNoWorkerOutlivesItsServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server := exec.CommandContext(ctx, "/proc/self/exe", "server")
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscan(bufio.NewReader(out), &pid)
	if err != nil || gone(pid) {
		t.Errorf("the server has no worker: %d, %v", pid, err)
	}
	server.Process.Kill()
	server.Wait()
	eventually(t, "the worker has ended", func() bool { return gone(pid) })
}

// A worker has nothing of the server's: not its environment, where secrets may be,
// nor its arguments, nor what it has open.
func TestWorkerKnowsNothingElse(t *testing.T) {
	t.Setenv("GATEHOUSE_REDIS_URL", "redis://:secret@localhost")
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	const password = "kV9#qLz2mW"
	p := newPool(t, Config{})
	p.derives(t, password, cheap)
	dir := fmt.Sprintf("/proc/%d/", p.worker(t))
	for _, file := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(dir + file)
		if err != nil || strings.Contains(string(text), "secret") || strings.Contains(string(text), password) || file == "environ" && len(text) > 0 {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
	open, err := os.ReadDir(dir + "fd")
	if err != nil || len(open) < 3 {
		t.Fatalf("%d open files, %v", len(open), err)
	}
	for _, f := range open {
		if to, err := os.Readlink(dir + "fd/" + f.Name()); err != nil || to == secret.Name() || strings.HasPrefix(to, "socket:") {
			t.Errorf("it has %s open, %v", to, err)
		}
	}
}

// Every thread of a worker gives way to everybody.
func TestWorkerHasTheLowestPriority(t *testing.T) {
	p := newPool(t, Config{})
	p.derives(t, "x", user.DefaultParams)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.worker(t)))
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads %q, %v", threads, err)
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		// proc(5): 19 is nice and 41 the policy; the state is 3.
		if f := fieldsOf(stat); f[19-3] != "19" || f[41-3] != "5" {
			t.Errorf("%s: nice %s, policy %s, want 19 and 5 (SCHED_IDLE)", thread, f[19-3], f[41-3])
		}
	}
}

func TestNonsenseIsNoJob(t *testing.T) {
	var good bytes.Buffer
	j := job{password: []byte("x"), salt: []byte("saltsaltsalt"), params: cheap}
	if err := j.write(&good); err != nil {
		t.Fatal(err)
	}
	if got, err := readJob(bytes.NewReader(good.Bytes())); err != nil || string(got.password) != "x" || string(got.salt) != "saltsaltsalt" ||
		got.params.Memory != cheap.Memory || got.params.KeyLen != cheap.KeyLen {
		t.Fatalf("the good one: %+v, %v", got, err)
	}
	for n := range good.Len() {
		if _, err := readJob(bytes.NewReader(good.Bytes()[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
	}
	for name, h := range map[string]header{
		"password too long": {Password: maxPassword + 1, Salt: 8, Key: 16, Memory: 64, Time: 1, Threads: 1},
		"salt too long":     {Salt: 1 << 20, Key: 16, Memory: 64, Time: 1, Threads: 1},
		"key too long":      {Salt: 8, Key: 1 << 20, Memory: 64, Time: 1, Threads: 1},
		"too much memory":   {Salt: 8, Key: 16, Memory: 1 << 30, Time: 1, Threads: 1},
		"too many passes":   {Salt: 8, Key: 16, Memory: 64, Time: 1 << 20, Threads: 1},
		"no passes":         {Salt: 8, Key: 16, Memory: 64, Threads: 1},
		"no lanes":          {Salt: 8, Key: 16, Memory: 64, Time: 1},
		"nothing":           {},
	} {
		var b bytes.Buffer
		if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
			t.Fatal(err)
		}
		b.Write(make([]byte, 2*maxPassword))
		if _, err := readJob(&b); !errors.Is(err, errJob) {
			t.Errorf("%s: %v, want errJob", name, err)
		}
	}
}
