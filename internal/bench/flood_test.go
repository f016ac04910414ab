package bench

import (
	"bufio"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// roleFlood is this test binary as very many programs that log in, each again as
// soon as it has an answer. They belong to other machines: here their process runs
// only where no other wants to (SCHED_IDLE), so that what is measured is what they do
// to the server and not what they take from it by running beside it. To be nice is not
// enough: the system lets a nice process, too, finish its slice of milliseconds.
const roleFlood = "flood"

// floodOrder says how many flood what. The next line, whatever it is, ends it.
type floodOrder struct {
	Addr, Bodies string
	Clients      int
}

// Flooded is what the flood was answered.
type Flooded struct {
	Error   string `json:",omitempty"`
	In      int    // 303: the password was right
	Wrong   int    // 401
	Limited int    // 429
	Busy    int    // 503
	Other   int
	Unheard int // connections that broke
	Took    time.Duration
}

// floodBegins is the time over which the clients begin.
const floodBegins = time.Second

// serveFlood is the main program of roleFlood.
func serveFlood(in io.Reader, out io.Writer) error {
	g := generator{files: map[string][]string{}}
	return obey(in, json.NewEncoder(out), func(o floodOrder, told func() error) any {
		got, err := g.flood(o, told)
		if err != nil {
			return Flooded{Error: err.Error()}
		}
		return got
	})
}

func (g *generator) flood(o floodOrder, stopped func() error) (Flooded, error) {
	bodies, err := g.lines(o.Bodies)
	if err != nil {
		return Flooded{}, err
	}
	f := flood{conns: map[net.Conn]struct{}{}}
	var all sync.WaitGroup
	began := time.Now()
	for range o.Clients {
		all.Go(func() {
			time.Sleep(rand.N(floodBegins))
			for !f.over.Load() {
				f.connect(client{order: order{Addr: o.Addr, Method: http.MethodPost, Path: "/login"}, bodies: bodies})
			}
		})
	}
	err = stopped()
	f.stop() // nobody waits for what is under way
	all.Wait()
	f.got.Took = time.Since(began)
	return f.got, err
}

type flood struct {
	over  atomic.Bool
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	got   Flooded
}

// connect floods by one connection until it breaks or all is over.
func (f *flood) connect(c client) {
	conn, err := net.Dial("tcp", c.Addr)
	if err != nil {
		f.broken()
		return
	}
	defer conn.Close()
	f.mu.Lock()
	f.conns[conn] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.conns, conn)
		f.mu.Unlock()
	}()
	c.conn, c.answers = conn, bufio.NewReaderSize(conn, 4<<10)
	for !f.over.Load() {
		status, err := c.exchange()
		if err != nil {
			f.broken()
			return
		}
		f.count(status)
	}
}

// broken counts a connection that broke by itself, and waits a moment before the
// next.
func (f *flood) broken() {
	if f.over.Load() {
		return
	}
	f.mu.Lock()
	f.got.Unheard++
	f.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
}

func (f *flood) count(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch status {
	case http.StatusSeeOther:
		f.got.In++
	case http.StatusUnauthorized:
		f.got.Wrong++
	case http.StatusTooManyRequests:
		f.got.Limited++
	case http.StatusServiceUnavailable:
		f.got.Busy++
	default:
		f.got.Other++
	}
}

func (f *flood) stop() {
	f.over.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		conn.Close()
	}
}
