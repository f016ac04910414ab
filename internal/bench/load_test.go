package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gatehouse/internal/testenv"
)

// roleLoad is this test binary as the load generator: it reads orders as JSON
// from standard input and answers each with a line of JSON. It speaks just
// enough HTTP/1.1 to be cheap beside the servers it measures.
const roleLoad = "load"

// order says which load to make.
type order struct {
	Addr, Method, Path string
	Status             int // that every answer must have
	// Carriers is a file with a header line per session, Bodies one with a
	// form per line. A request takes any line of each; empty is none.
	Carriers, Bodies string
	// InTurn says to take the carriers one after the other, and to begin again
	// when all have been used.
	InTurn  bool
	Clients int
	Least   int // requests of each client, however long they take
	// Warm is how long the load runs before it says that it is Warm, For how
	// long it then runs once it is told to go on.
	Warm, For time.Duration
}

// outcome is what an order came to.
type outcome struct {
	Error    string        `json:",omitempty"`
	Requests int           // answered as they must be
	Refused  int           // 503: a store was too slow for the product's promise
	Took     time.Duration // all of it
	P50, P99 time.Duration // of Requests
}

// commonHeaders are what a browser in Korea sends, much shortened.
const commonHeaders = "Host: localhost\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7\r\n"

// serveLoad is the load generator's main program.
func serveLoad(in io.Reader, out io.Writer) error {
	g := generator{files: map[string][]string{}, next: map[string]*atomic.Uint64{}}
	answers := json.NewEncoder(out)
	return obey(in, answers, func(o order, told func() error) any {
		result, err := g.run(o, func() error {
			if err := answers.Encode(outcome{}); err != nil { // warm
				return err
			}
			return told()
		})
		if err != nil {
			return outcome{Error: err.Error()}
		}
		return result
	})
}

// obey carries out orders, a line of JSON each, until there are none left, and
// answers each. told waits for the word that comes during one.
func obey[Order any](in io.Reader, answers *json.Encoder, carryOut func(o Order, told func() error) any) error {
	orders := json.NewDecoder(in)
	told := func() error {
		var word bool
		return orders.Decode(&word)
	}
	for {
		var o Order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(carryOut(o, told)); err != nil {
			return err
		}
	}
}

type generator struct {
	files map[string][]string
	next  map[string]*atomic.Uint64 // of a file used in turn
}

// lines returns the lines of a file, which is read once.
func (g *generator) lines(file string) ([]string, error) {
	if all, ok := g.files[file]; ok || file == "" {
		return all, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	g.files[file] = all
	return all, nil
}

// run makes the load of o. warm is called between warming up and measuring,
// while nothing is under way.
func (g *generator) run(o order, warm func() error) (outcome, error) {
	carriers, err := g.lines(o.Carriers)
	if err != nil {
		return outcome{}, err
	}
	bodies, err := g.lines(o.Bodies)
	if err != nil {
		return outcome{}, err
	}
	var next *atomic.Uint64
	if o.InTurn {
		if next = g.next[o.Carriers]; next == nil {
			next = new(atomic.Uint64)
			g.next[o.Carriers] = next
		}
	}
	clients := make([]*client, o.Clients)
	for i := range clients {
		c, err := net.Dial("tcp", o.Addr)
		if err != nil {
			return outcome{}, err
		}
		defer c.Close()
		clients[i] = &client{order: o, carriers: carriers, next: next, bodies: bodies, conn: c, answers: bufio.NewReaderSize(c, 64<<10)}
	}
	if _, err := loop(clients, o.Warm); err != nil {
		return outcome{}, fmt.Errorf("warming up: %w", err)
	}
	if err := warm(); err != nil {
		return outcome{}, err
	}
	return loop(clients, o.For)
}

// loop lets the clients send one request after the other until time is up.
func loop(clients []*client, d time.Duration) (outcome, error) {
	var over, failed atomic.Bool
	stop := time.AfterFunc(d, func() { over.Store(true) })
	defer stop.Stop()
	var all errgroup.Group
	began := time.Now()
	for _, c := range clients {
		c.took, c.refused = c.took[:0], 0
		all.Go(func() error {
			for !failed.Load() {
				sent := time.Now()
				switch err := c.request(); err {
				case nil:
					c.took = append(c.took, time.Since(sent))
				case errRefused:
					c.refused++
				default:
					failed.Store(true) // nobody need go on
					return err
				}
				if over.Load() && len(c.took) >= c.Least {
					break
				}
			}
			return nil
		})
	}
	err := all.Wait()
	r := outcome{Took: time.Since(began)}
	var took []time.Duration
	for _, c := range clients {
		took = append(took, c.took...)
		r.Refused += c.refused
	}
	if err != nil || len(took) == 0 {
		return r, err
	}
	slices.Sort(took)
	r.Requests, r.P50, r.P99 = len(took), took[len(took)/2], took[len(took)*99/100]
	return r, nil
}

// client is one connection.
type client struct {
	order
	carriers, bodies []string
	next             *atomic.Uint64 // of carriers; nil: any of them
	conn             net.Conn
	answers          *bufio.Reader
	buf              []byte
	took             []time.Duration
	refused          int
}

var errRefused = errors.New("answered 503")

func anyOf(lines []string) string { return lines[rand.IntN(len(lines))] }

// request sends a request and fails unless the answer has the status that it must
// have.
func (c *client) request() error {
	status, err := c.exchange()
	switch {
	case err != nil:
		return err
	case status == http.StatusServiceUnavailable:
		return errRefused
	case status != c.Status:
		return fmt.Errorf("%s %s: %d, want %d", c.Method, c.Path, status, c.Status)
	}
	return nil
}

// exchange sends a request and returns the status of the answer.
func (c *client) exchange() (status int, err error) {
	b := fmt.Appendf(c.buf[:0], "%s %s HTTP/1.1\r\n%s", c.Method, c.Path, commonHeaders)
	switch {
	case c.next != nil:
		b = append(append(b, c.carriers[(c.next.Add(1)-1)%uint64(len(c.carriers))]...), "\r\n"...)
	case c.carriers != nil:
		b = append(append(b, anyOf(c.carriers)...), "\r\n"...)
	}
	body := ""
	if c.bodies != nil {
		body = anyOf(c.bodies)
		b = fmt.Appendf(b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(body))
	}
	b = append(append(b, "\r\n"...), body...)
	c.buf = b
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(b); err != nil {
		return 0, err
	}
	return c.answer()
}

// answer reads an answer and returns its status.
func (c *client) answer() (status int, err error) {
	head, err := c.answers.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(head) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("answer %q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, fmt.Errorf("answer %q", head)
	}
	length := -1
	for {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		const name = "Content-Length: " // as net/http writes it
		if len(line) > len(name) && string(line[:len(name)]) == name {
			length, _ = strconv.Atoi(strings.TrimSpace(string(line[len(name):])))
		}
	}
	if length < 0 {
		return 0, errors.New("an answer without Content-Length")
	}
	_, err = c.answers.Discard(length)
	return status, err
}

// helper is this test binary in a role, seen from the bench.
type helper struct {
	orders  *json.Encoder
	answers *json.Decoder
}

// asHelper starts cmd, which is this test binary, in that role.
func asHelper(t testing.TB, cmd *exec.Cmd, role string) helper {
	t.Helper()
	cmd.Env, cmd.Stderr = []string{roleEnv + "=" + role}, os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); waitOrKill(cmd) })
	return helper{orders: json.NewEncoder(in), answers: json.NewDecoder(out)}
}

// load is the running load generator, seen from the bench.
type load struct{ helper }

func startLoad(t testing.TB, core int) *load {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd, err := pinned(core, self, testenv.TempDir(t))
	must(t, err)
	return &load{asHelper(t, cmd, roleLoad)}
}

// waitOrKill waits for a process that has been told to end.
func waitOrKill(cmd *exec.Cmd) {
	late := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer late.Stop()
	cmd.Wait()
}

// run carries out an order; between its two parts it calls warm, while nothing
// is under way.
func (l *load) run(o order, warm func() error) (outcome, error) {
	if err := l.orders.Encode(o); err != nil {
		return outcome{}, err
	}
	if r, err := l.next(); err != nil {
		return r, err
	}
	if err := warm(); err != nil {
		return outcome{}, err
	}
	if err := l.orders.Encode(true); err != nil {
		return outcome{}, err
	}
	return l.next()
}

func (l *load) next() (r outcome, err error) {
	if err := l.answers.Decode(&r); err != nil {
		return r, fmt.Errorf("load generator: %w", err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}
