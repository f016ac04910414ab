package apiclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// What turns the test binary into a process that asks who is logged in.
const (
	serverEnv = "GATEHOUSE_TEST_APICLIENT_URL"
	folderEnv = "GATEHOUSE_TEST_APICLIENT_FOLDER"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(serverEnv); address != "" {
		os.Exit(whoami(address, Folder(os.Getenv(folderEnv))))
	}
	os.Exit(m.Run())
}

func whoami(address string, folder Folder) int {
	server, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin) // until all the others are
	// The server knows its process by the name that it calls itself.
	me, err := New(server, folder, NewTransport(), strconv.Itoa(os.Getpid()), time.Now).Whoami(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(me.Username)
	return 0
}

// output is what a process has printed.
type output struct {
	text  bytes.Buffer
	ready func() // called when it first prints something
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	if o.text.Len() == 0 {
		o.ready()
	}
	return o.text.Write(b)
}

// crowd are processes with one log-in.
type crowd struct {
	mu     sync.Mutex
	all    map[int]*exec.Cmd // by process id
	killed map[int]bool
}

// kill ends the process by SIGKILL if it is one of the crowd.
func (c *crowd) kill(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd := c.all[pid]; cmd != nil && cmd.Process.Kill() == nil { // it had not ended yet
		c.killed[pid] = true
	}
}

// expire makes the access token look expired to whoever reads it.
func (c *Client) expire(t *testing.T) {
	t.Helper()
	l, err := c.folder.read(c.server)
	if err != nil {
		t.Fatal(err)
	}
	l.RenewAt = time.Now().Add(-time.Minute)
	data, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.folder.path(c.server), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Fifty processes find the access token expired or refused at once, some are
// killed at any moment, and in every second wave so is the one whose token the
// server has just taken. One rotation comes of each wave, and nobody is logged
// out.
func TestProcessesAtOnceNeverLoseTheLogIn(t *testing.T) {
	const waves, processes, random = 4, 50, 10
	s := newServer(t)
	s.now, s.lifetime = time.Now(), 24*time.Hour // as the processes see it
	c := s.loggedIn(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for wave := range waves {
		cr := &crowd{all: map[int]*exec.Cmd{}, killed: map[int]bool{}}
		s.rotated = func(r *http.Request, first bool) bool {
			if first && wave%2 == 0 {
				pid, err := strconv.Atoi(r.Header.Get("User-Agent"))
				if err != nil {
					t.Error(err)
				}
				cr.kill(pid)
			}
			return true
		}
		if wave < waves/2 {
			c.expire(t)
		} else {
			s.forget()
		}
		start, begin, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var ready, running sync.WaitGroup
		ready.Add(processes)
		for n := range processes {
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), serverEnv+"="+s.URL, folderEnv+"="+string(c.folder))
			out := &output{ready: ready.Done}
			cmd.Stdin, cmd.Stdout, cmd.Stderr = start, out, out
			cr.mu.Lock() // not killed before it is known
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cr.all[cmd.Process.Pid] = cmd
			cr.mu.Unlock()
			running.Go(func() {
				err := cmd.Wait()
				cr.mu.Lock()
				defer cr.mu.Unlock()
				if (err != nil || out.text.String() != "ready\nkim\n") && !cr.killed[cmd.Process.Pid] {
					t.Errorf("wave %d, process %d: %v: %s", wave, n, err, &out.text)
				}
			})
			if n < random {
				running.Go(func() {
					ready.Wait()
					time.Sleep(rand.N(200 * time.Millisecond)) // no wait for anything: some moment
					cr.kill(cmd.Process.Pid)
				})
			}
		}
		ready.Wait()
		start.Close()
		begin.Close()
		running.Wait()
		killed += len(cr.killed)
		s.rotated = nil
		c.isIn(t)
		if one := s.session(0); one.ended != "" || one.generation != wave+2 {
			t.Fatalf("after wave %d: generation %d, ended %q", wave, one.generation, one.ended)
		}
	}
	// Who has waited spends nothing; a process more asks only for one that was killed.
	if n := s.count("POST /api/v1/refresh"); n > waves+killed {
		t.Errorf("%d refreshes asked for, %d processes killed", n, killed)
	}
	t.Logf("%d processes, %d killed, %d rotations, %d refreshes asked for", waves*processes, killed, s.session(0).generation-1, s.count("POST /api/v1/refresh"))
}
