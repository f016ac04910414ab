package redisdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// get returns the record under s: and name, "" if there is none.
func (c *client) get(name string) (string, error) {
	q, err := c.ask(context.Background(), "", name)
	if err != nil {
		return "", err
	}
	defer q.free()
	return string(q.record), nil
}

// everybody has n ask at once, each for what is theirs, and counts those that
// were answered. Nobody gets what is another's.
func everybody(t *testing.T, c *client, n int) (answered int64) {
	t.Helper()
	var count atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			name := fmt.Sprint("k", i)
			got, err := c.get(name)
			switch {
			case err == nil && got == "s:"+name:
				count.Add(1)
			case err == nil:
				t.Errorf("%s got %q", name, got)
			case !errors.Is(err, session.ErrUnavailable):
				t.Errorf("%s: %v, want ErrUnavailable", name, err)
			}
		})
	}
	all.Wait()
	return count.Load()
}

// served waits until n who ask at once are all answered: a busy machine takes
// longer than the product allows itself.
func served(t *testing.T, c *client, n int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); everybody(t, c, int(n)) < n; {
		if time.Now().After(deadline) {
			t.Fatal("nobody is served any more")
		}
	}
}

// insist asks until there is an answer.
func (c *client) insist(name string) (got string, err error) {
	for range 100 {
		if got, err = c.get(name); !errors.Is(err, session.ErrUnavailable) {
			break
		}
	}
	return got, err
}

func TestPipeAnswersWhoHasAsked(t *testing.T) {
	p := newPuppet(t, echo)
	c := p.client()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := range 200 {
				name := fmt.Sprint(i, "-", n)
				if i%8 == 0 { // longer than what is read at once
					name += strings.Repeat("x", pipeBuffer+n)
				}
				if got, err := c.insist(name); err != nil || got != "s:"+name {
					t.Errorf("%.20s: %.20s, %v", name, got, err)
				}
			}
		})
	}
	all.Wait()
}

func TestPipeReadsAnswersInPieces(t *testing.T) {
	near, far := net.Pipe()
	p, err := newPipe(near, near)
	if err != nil {
		t.Fatal(err)
	}
	go p.read()
	go func() {
		in := bufio.NewReader(far)
		for {
			cmd, err := readCommand(in)
			if err != nil {
				return
			}
			for _, b := range []byte(bulk(cmd[1])) {
				if _, err := far.Write([]byte{b}); err != nil {
					return
				}
			}
		}
	}()
	for n := range 20 {
		q := newQuestion(time.Now().Add(time.Minute))
		q.get("s:", fmt.Sprint(n))
		if err := p.ask(q); err != nil || string(q.record) != fmt.Sprint("s:", n) {
			t.Errorf("%d: %q, %v", n, q.record, err)
		}
		q.free()
	}
	p.fail(errRetired)
	far.Close()
}

// Whatever is wrong with what comes back, nobody gets it who has not asked for
// it, nobody waits for ever, and those who come later are served.
func TestPipeIsGivenUpAsAWhole(t *testing.T) {
	for name, bad := range map[string]string{
		"silence":                 "",
		"half an answer":          "$10\r\ns:k",
		"another kind of answer":  "*1\r\n$1\r\nx\r\n",
		"a number":                ":5\r\n",
		"another protocol":        "HTTP/1.1 400 Bad Request\r\n\r\n",
		"a length of nonsense":    "$1x\r\n",
		"an endless length":       "$99999999999\r\n",
		"a length below nothing":  "$-2\r\n",
		"a longer answer":         "$2\r\ns:k1\r\n",
		"an endless line":         strings.Repeat("x", 2*pipeBuffer),
		"a line without a return": "$1\nx\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
				if nth > 1 {
					return bulk(cmd[1]), false
				}
				switch n := asked.Add(1); {
				case n <= 8:
					return bulk(cmd[1]), false
				case n == 9:
					return bad, false
				}
				return "", false
			})
			c := p.client()
			for range 8 {
				if _, err := c.insist("before"); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			if n := everybody(t, c, 16); n == 16 { // who comes later is
				t.Error("all were answered")
			}
			if took := time.Since(began); took > 20*opTimeout {
				t.Errorf("told after %v", took)
			}
			served(t, c, 16)
		})
	}
}

// An answer that nobody waits for is not kept for who asks next.
func TestPipeAnswerLeftOver(t *testing.T) {
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		if nth == 1 && cmd[1] == "s:first" {
			return bulk(cmd[1]) + bulk("s:of somebody else"), false
		}
		return bulk(cmd[1]), false
	})
	c := p.client()
	for _, name := range []string{"first", "second", "third"} {
		if got, err := c.insist(name); err != nil || got != "s:"+name {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// The same while others wait for their turn: it is not taken for theirs.
func TestPipeAnswerLeftOverForThoseWhoWait(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		if nth == 1 && cmd[1] == "s:first" {
			close(arrived)
			<-release
			return bulk(cmd[1]) + strings.Repeat(bulk("s:of somebody else"), 3), false
		}
		return bulk(cmd[1]), false
	})
	c := p.client()
	first := make(chan error)
	go func() {
		got, err := c.get("first")
		if err == nil && got != "s:first" {
			err = errors.New(got)
		}
		first <- err
	}()
	<-arrived
	waiting := c.pipes.current.Load()
	var all sync.WaitGroup
	all.Go(func() { everybody(t, c, 8) })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		waiting.mu.Lock()
		n := waiting.unsent
		waiting.mu.Unlock()
		if n == 8 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d wait, want 8", n)
		}
	}
	close(release)
	if err := <-first; err != nil && !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("the first: %v", err)
	}
	all.Wait()
	served(t, c, 8)
}

// The answer to a question that somebody has given up comes, late, and somebody
// else has asked meanwhile.
func TestPipeLateAnswer(t *testing.T) {
	release := make(chan struct{})
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		if cmd[1] == "s:late" {
			<-release
		}
		return bulk(cmd[1]), false
	})
	c := p.client()
	began := time.Now()
	if got, err := c.get("late"); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %q, %v, want ErrUnavailable", got, err)
	}
	if took := time.Since(began); took < opTimeout/2 || took > 20*opTimeout {
		t.Errorf("told after %v, want %v", took, opTimeout)
	}
	close(release)
	served(t, c, 8)
}

// The server goes in the middle of it: all who wait ask once more, on one new
// connection.
func TestPipeLost(t *testing.T) {
	var asked atomic.Int64
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		if nth == 1 && asked.Add(1) == 5 {
			return "", true
		}
		return bulk(cmd[1]), false
	})
	c := p.client()
	if n := everybody(t, c, 64); n < 64 {
		served(t, c, 64)
		return // the machine is busy: there is more to count than one break
	}
	if n := p.opened.Load(); n != 2 {
		t.Errorf("%d connections were opened, want 2", n)
	}
	if g := c.generation.Load(); g != 1 {
		t.Errorf("%d breaks were counted, want 1", g)
	}
}

// A server that hangs up each time costs two tries, and says so.
func TestPipeLostAgain(t *testing.T) {
	p := newPuppet(t, func(int64, []string) (string, bool) { return "", true })
	if _, err := p.client().get("x"); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if n := p.opened.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// What the server says of one question is about that one.
func TestPipeErrorsAreOneQuestions(t *testing.T) {
	p := newPuppet(t, func(_ int64, cmd []string) (string, bool) {
		switch cmd[1] {
		case "s:list":
			return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", false
		case "s:loading":
			return "-LOADING Redis is loading the dataset in memory\r\n", false
		case "s:none":
			return "$-1\r\n", false
		}
		return bulk(cmd[1]), false
	})
	c := p.client()
	for range 3 {
		if _, err := c.get("list"); err != session.ErrUnreadable {
			t.Errorf("list: %v", err)
		}
		if _, err := c.get("loading"); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("loading: %v", err)
		}
		q, err := c.ask(context.Background(), "", "none")
		if err != nil || q.found || len(q.record) > 0 {
			t.Errorf("none: %+v, %v", q, err)
		} else {
			q.free()
		}
		if got, err := c.get("x"); err != nil || got != "s:x" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if n := p.opened.Load(); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
}

// A connection broken elsewhere, or a change of master, is the end of the pipe,
// but not for those who have asked.
func TestPipeOfAnOlderGeneration(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		if nth == 1 && cmd[1] == "s:held" {
			close(arrived)
			<-release
		}
		return bulk(fmt.Sprint(nth)), false
	})
	c := p.client()
	got := make(chan string)
	go func() {
		answer, err := c.get("held")
		got <- fmt.Sprint(answer, err)
	}()
	<-arrived
	c.generation.Add(1)
	if answer, err := c.get("x"); err != nil || answer != "2" {
		t.Errorf("answered by connection %s, %v, want the second", answer, err)
	}
	close(release)
	if text := <-got; text != "1<nil>" {
		t.Errorf("who had asked before was told %s", text)
	}
}

func TestPipeClosed(t *testing.T) {
	p := newPuppet(t, echo)
	c := p.client()
	if _, err := c.get("x"); err != nil {
		t.Fatal(err)
	}
	c.pipes.close()
	if _, err := c.get("x"); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want errClosed", err)
	}
}

// Who has gone before they could ask does not ask.
func TestPipeCallerGone(t *testing.T) {
	p := newPuppet(t, echo)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.client().ask(ctx, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func TestPipeAllocatesNothing(t *testing.T) {
	near, far := net.Pipe()
	go func() {
		in, out := make([]byte, 1<<10), []byte("$5\r\nhello\r\n")
		for { // one question at a time
			if _, err := far.Read(in); err != nil {
				return
			}
			if _, err := far.Write(out); err != nil {
				return
			}
		}
	}()
	p, err := newPipe(near, near)
	if err != nil {
		t.Fatal(err)
	}
	go p.read()
	defer p.fail(errRetired)
	c := newClient(oneServer(""))
	p.prove(time.Now().Add(time.Hour), everyShard) // for as long as the test lasts
	c.pipes.current.Store(p)
	ctx := context.Background()
	n := testing.AllocsPerRun(1000, func() {
		q, err := c.ask(ctx, "", "x")
		if err != nil || string(q.record) != "hello" {
			t.Fatalf("%+v, %v", q, err)
		}
		q.free()
	})
	if n > allocsOfAQuestion {
		t.Errorf("%v allocations", n)
	}
}
