package redisdb

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// puppet is a Redis that answers as a test says.
type puppet struct {
	t      *testing.T
	l      net.Listener
	opened atomic.Int64
	mu     sync.Mutex
	conns  []net.Conn
	// answer returns what to send for a command on the nth connection, and
	// whether to hang up after it.
	answer func(nth int64, cmd []string) (raw string, hangUp bool)
}

func newPuppet(t *testing.T, answer func(nth int64, cmd []string) (string, bool)) *puppet {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &puppet{t: t, l: l, answer: answer}
	t.Cleanup(func() { l.Close(); p.hangUp() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			go p.serve(c, p.opened.Add(1))
		}
	}()
	return p
}

func (p *puppet) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

func (p *puppet) serve(c net.Conn, nth int64) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		cmd, err := readCommand(in)
		if err != nil {
			return
		}
		raw, hangUp := p.answer(nth, cmd)
		if _, err := io.WriteString(c, raw); err != nil || hangUp {
			return
		}
	}
}

func readCommand(in *bufio.Reader) ([]string, error) {
	length := func() (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := length()
	if err != nil {
		return nil, err
	}
	cmd := make([]string, n)
	for i := range cmd {
		size, err := length()
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		cmd[i] = string(b[:size])
	}
	return cmd, nil
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

func (p *puppet) client() *client {
	c := newClient(oneServer("redis://" + p.l.Addr().String() + "/0"))
	p.t.Cleanup(c.pipes.close)
	return c
}

// echo answers GET with the key.
func echo(_ int64, cmd []string) (string, bool) { return bulk(cmd[1]), false }
