//go:build faults

package faults

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
)

// link is a TCP proxy between one node and one server that can be cut: then
// nothing gets through either way, connections stay open and silent, and new
// ones are taken and left waiting, as when a cable is pulled.
type link struct {
	to     string
	listen net.Listener
	// ports maps ports that the server names in its answers to those of other
	// links, as digits; both have five.
	ports map[string]string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newLink(t testing.TB, to string, ports map[string]string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{to: to, ports: ports, listen: l, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		k.closeAll()
	})
	go k.serve()
	return k
}

func (k *link) addr() string { return k.listen.Addr().String() }

func (k *link) port() string { return portOf(k.addr()) }

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func (k *link) serve() {
	for {
		client, err := k.listen.Accept()
		if err != nil {
			return
		}
		go k.carry(client)
	}
}

func (k *link) carry(client net.Conn) {
	k.keep(client)
	if k.isCut() {
		return // held until it is mended
	}
	server, err := net.Dial("tcp", k.to)
	if err != nil {
		k.drop(client)
		return
	}
	k.keep(server)
	go k.copy(client, server, nil)
	k.copy(server, client, k.ports)
}

// copy carries bytes until either end breaks; while the link is cut it swallows
// them. Answers in which ports are to be replaced go line by line.
func (k *link) copy(from, to net.Conn, ports map[string]string) {
	defer k.drop(from)
	defer k.drop(to)
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		var b []byte
		var err error
		if ports == nil {
			if _, err = r.Peek(1); err == nil {
				b = make([]byte, r.Buffered())
				_, err = io.ReadFull(r, b)
			}
		} else {
			b, err = r.ReadBytes('\n')
			if n := len(b); n > 2 {
				if other, is := ports[string(b[:n-2])]; is {
					b = []byte(other + "\r\n")
				}
			}
		}
		if err != nil {
			return
		}
		if k.isCut() {
			continue
		}
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

func (k *link) isCut() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cut
}

func (k *link) keep(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns[c] = true
}

func (k *link) drop(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
	c.Close()
}

func (k *link) setCut(cut bool) {
	k.mu.Lock()
	k.cut = cut
	k.mu.Unlock()
	if !cut {
		k.closeAll() // they have lost bytes
	}
}

func (k *link) closeAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		c.Close()
		delete(k.conns, c)
	}
}
