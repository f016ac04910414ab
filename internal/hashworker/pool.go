package hashworker

import (
	"errors"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"

	"gatehouse/internal/user"
)

// Config says how workers are run. Zero durations mean the default.
type Config struct {
	Command  func() *exec.Cmd // a new command that calls [Serve] on its standard input and output
	Log      *slog.Logger     // is told of workers that fail
	Idle     time.Duration    // a worker without a job for so long is ended; default 1 minute
	Patience time.Duration    // how long a hash of user.DefaultParams may take, a costlier one longer in proportion; default 1 s
	Rest     time.Duration    // for how long after a failure no worker is tried; default 10 s
}

// Pool computes hashes in workers. It is safe for use by several goroutines; it has as
// many workers as it is called by at once, and does not bound that.
type Pool struct {
	Config

	mu      sync.Mutex
	idle    []*worker // the last one has worked last
	busy    map[*worker]struct{}
	resting time.Time // until then the server computes
	closed  bool
	live    sync.WaitGroup // workers that have not been ended
}

// New returns a Pool, which has no worker yet. Close it.
func New(c Config) *Pool {
	for _, d := range []struct {
		set *time.Duration
		to  time.Duration
	}{{&c.Idle, time.Minute}, {&c.Patience, time.Second}, {&c.Rest, 10 * time.Second}} {
		if *d.set == 0 {
			*d.set = d.to
		}
	}
	return &Pool{Config: c, busy: map[*worker]struct{}{}}
}

// Derive is a [user.Derive]. It always has the key: where no worker does it, it
// computes it here.
func (p *Pool) Derive(password, salt []byte, params user.Params) []byte {
	j := job{password, salt, params}
	if j.fits() {
		if key, err := p.ask(j); err == nil {
			return key
		}
	}
	return user.Argon2id(password, salt, params)
}

// errNoWorker: none is wanted, because the pool is closed or rests.
var errNoWorker = errors.New("hashworker: no worker")

// ask has a worker compute j. One that has waited for a job may have died meanwhile;
// then a new one gets it.
func (p *Pool) ask(j job) (key []byte, err error) {
	w := p.waiting()
	used := w != nil
	for {
		if w == nil {
			if w, err = p.begin(); err != nil {
				return nil, p.failed(err)
			}
		}
		if key, err = w.compute(j, p.patience(j.params)); err == nil {
			p.giveBack(w)
			return key, nil
		}
		p.end(w)
		if !used || errors.Is(err, errStarved) {
			return nil, p.failed(err)
		}
		w, used = nil, false
	}
}

// patience is how long a hash of these costs may take.
func (p *Pool) patience(costs user.Params) time.Duration {
	usual := uint64(user.DefaultParams.Memory) * uint64(user.DefaultParams.Time)
	times := uint64(costs.Memory) * uint64(costs.Time) / usual
	return p.Patience * time.Duration(max(1, times))
}

// waiting returns a worker that waits for a job, or nil.
func (p *Pool) waiting() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	w := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	w.idle.Stop() // too late, perhaps: but what is not among the idle is not retired
	p.busy[w] = struct{}{}
	return w
}

// begin starts a worker: errNoWorker, or why it cannot be started.
func (p *Pool) begin() (*worker, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || time.Now().Before(p.resting) {
		return nil, errNoWorker
	}
	w, err := start(p.Command())
	if err != nil {
		return nil, err
	}
	p.busy[w] = struct{}{}
	p.live.Add(1)
	return w, nil
}

// giveBack keeps w for the next job.
func (p *Pool) giveBack(w *worker) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.end(w)
		return
	}
	defer p.mu.Unlock()
	delete(p.busy, w)
	p.idle = append(p.idle, w)
	w.idle = time.AfterFunc(p.Idle, func() { p.retire(w) })
}

// retire ends w unless somebody has taken it.
func (p *Pool) retire(w *worker) {
	p.mu.Lock()
	at := slices.Index(p.idle, w)
	if at >= 0 {
		p.idle = slices.Delete(p.idle, at, at+1)
	}
	p.mu.Unlock()
	if at >= 0 {
		p.end(w)
	}
}

// end ends w, which is not among the idle.
func (p *Pool) end(w *worker) {
	w.end()
	p.mu.Lock()
	delete(p.busy, w)
	p.mu.Unlock()
	p.live.Done()
}

// failed lets the server compute for a while, and returns err.
func (p *Pool) failed(err error) error {
	if errors.Is(err, errNoWorker) {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.resting = time.Now().Add(p.Rest)
		p.Log.Warn("no password hash from a process of its own: the server computes them itself for a while", "while", p.Rest, "error", err.Error())
	}
	return err
}

// Close ends all workers and returns when they are gone, those that compute
// included. Whoever calls Derive at that time, or later, gets a key all the same.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	for w := range p.busy {
		_ = w.cmd.Process.Kill() // whoever waits for its key sees it end
	}
	p.mu.Unlock()
	for _, w := range idle {
		w.idle.Stop()
		p.end(w)
	}
	p.live.Wait()
}
