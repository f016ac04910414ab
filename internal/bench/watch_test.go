package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// roleWatch is this test binary as somebody who is in: it checks sessions at a
// steady rate, whether the answers come or not, and says how long each took from
// the moment at which it was due. Who only asks again when there is an answer
// would not notice a server that stands still.
const roleWatch = "watch"

// Watched is what came of the checks of a while. Durations are nanoseconds.
type Watched struct {
	Error    string `json:",omitempty"`
	Checks   int    // answered, all of them
	Refused  int    // of these 503
	Out      int    // of these 401, of sessions that live
	Other    int    // of these anything else that is not 200
	Unheard  int    // not answered
	Unsent   int    // due, and not even asked when all was over; counted as answered then
	P50, P99 time.Duration
	Most     time.Duration
	Took     time.Duration
	Cores    float64 // that the server kept busy meanwhile
}

// watchers is how many connections the checks are spread over, so that one that
// is late does not delay the next.
const watchers = 16

// watchOrder says what to check. The next line, whatever it is, ends it.
type watchOrder struct {
	Addr, Path, Carriers string
	PerSecond            int
}

// serveWatch is the main program of roleWatch.
func serveWatch(in io.Reader, out io.Writer) error {
	// Each waits on one of Go's processors, and wants it back at once.
	runtime.GOMAXPROCS(2 * watchers)
	g := generator{files: map[string][]string{}}
	return obey(in, json.NewEncoder(out), func(o watchOrder, told func() error) any {
		seen, err := g.watch(o, told)
		if err != nil {
			return Watched{Error: err.Error()}
		}
		return seen
	})
}

func (g *generator) watch(o watchOrder, stopped func() error) (Watched, error) {
	carriers, err := g.lines(o.Carriers)
	if err != nil {
		return Watched{}, err
	}
	var over atomic.Bool
	var all sync.WaitGroup
	each := make([]watcher, watchers)
	every := time.Second / time.Duration(o.PerSecond)
	for i := range each {
		w := &each[i]
		w.client = client{order: order{Addr: o.Addr, Method: http.MethodGet, Path: o.Path}, carriers: carriers}
		w.every = every
		w.check(time.Now()) // connects, and counts for nothing
		w.took, w.seen = nil, Watched{}
	}
	began := time.Now()
	for i := range each {
		w := &each[i]
		all.Go(func() {
			defer w.hangUp()
			for due := began.Add(time.Duration(i) * every); ; due = due.Add(watchers * every) {
				sleepUntil(due)
				if over.Load() {
					w.giveUp(due)
					return
				}
				w.check(due)
			}
		})
	}
	err = stopped()
	over.Store(true)
	all.Wait()
	seen := Watched{Took: time.Since(began)}
	var took []time.Duration
	for i := range each {
		w := &each[i]
		took = append(took, w.took...)
		seen.Refused, seen.Out, seen.Other, seen.Unheard = seen.Refused+w.seen.Refused, seen.Out+w.seen.Out, seen.Other+w.seen.Other, seen.Unheard+w.seen.Unheard
		seen.Unsent += w.seen.Unsent
	}
	slices.Sort(took)
	if seen.Checks = len(took); seen.Checks > 0 {
		seen.P50, seen.P99, seen.Most = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	}
	return seen, err
}

type watcher struct {
	client
	every time.Duration // a check is due, of any watcher
	seen  Watched
}

// check sends a check that was due at that moment.
func (w *watcher) check(due time.Time) {
	status, err := 0, error(nil)
	if w.conn == nil {
		if w.conn, err = dialBlocking(w.Addr); err == nil {
			w.answers = bufio.NewReaderSize(w.conn, 16<<10)
		}
	}
	if err == nil {
		status, err = w.exchange()
	}
	if err != nil {
		w.seen.Unheard++
		w.hangUp()
		return
	}
	w.took = append(w.took, time.Since(due))
	switch status {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		w.seen.Refused++
	case http.StatusUnauthorized:
		w.seen.Out++
	default:
		w.seen.Other++
	}
}

// giveUp counts the checks from due on that should have been sent by now: a server
// that is late with everything would else look better the later it is.
func (w *watcher) giveUp(due time.Time) {
	for now := time.Now(); due.Before(now); due = due.Add(watchers * w.every) {
		w.took = append(w.took, now.Sub(due))
		w.seen.Unsent++
	}
}

func (w *watcher) hangUp() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// String returns median, 99 % and worst.
func (w Watched) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return fmt.Sprintf("%.2f, %.2f, %.1f ms", ms(w.P50), ms(w.P99), ms(w.Most))
}
