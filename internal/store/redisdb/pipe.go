package redisdb

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pipe is a connection on which many ask at once: questions go out in the order
// in which they come, and so do the answers. Most of what a check costs is the
// system calls to write and to read, and here all that are under way at the same
// time share them: who asks while nothing is under way is served at once, and who
// comes meanwhile goes out together with all others who do, when the answers to
// those before have come. That is one round trip later at most.
//
// redigo has dialled the connection and logged in; from then on the pipe reads
// and writes for itself, because redigo's Send and Receive set a deadline, take a
// lock and allocate for each command.
//
// An answer belongs to a question by nothing but its place. So nobody leaves the
// line: who has asked waits until the answer has come or the whole pipe is given
// up, and it is given up as soon as one of them has waited for too long, an answer
// cannot be read, or one comes that nobody has asked for. Nobody's context is
// watched meanwhile, which is opTimeout at most.
type pipe struct {
	wire       net.Conn
	closer     io.Closer // redigo's connection, on that wire
	generation uint64    // of the client, when it was dialled
	server     string    // as serverOf names it
	// lost is told why the pipe is given up, before those are who wait.
	lost func(error)
	// provenAt is when the proof began that holds, after started.
	provenAt atomic.Int64
	// through are the shards that came through then.
	through atomic.Uint64

	mu      sync.Mutex
	err     error // why nothing can be asked any more
	dead    bool  // and nobody waits either
	out     []byte
	unsent  int       // of waiting, still in out
	spare   []byte    // the next out
	waiting questions // oldest first
	busy    bool      // somebody writes out, or will when answers have come
	crowd   bool      // what was written last was of more than one
	late    *time.Timer
	due     time.Time // when late fires; zero: it is not running
	renewal *errand   // nil: the proof is not being renewed
}

const (
	// pipeBuffer is how much is read at once. Longer answers take a path of
	// their own.
	pipeBuffer = 16 << 10
	// maxSpare bounds the memory of a kept buffer.
	maxSpare = 64 << 10
)

var (
	// errRetired: the question has not been put; another pipe can take it.
	errRetired = errors.New("redisdb: nothing is asked on this connection any more")
	errUnasked = errors.New("redisdb: an answer that nobody has asked for")
)

func newPipe(wire net.Conn, closer io.Closer) (*pipe, error) {
	if err := wire.SetDeadline(time.Time{}); err != nil { // redigo's
		return nil, err
	}
	return &pipe{wire: wire, closer: closer, lost: func(error) {}}, nil
}

// started is what times are counted from that have to be read at once: a
// monotonic clock in one number.
var started = time.Now()

// prove notes that a proof has succeeded which began then.
func (p *pipe) prove(began time.Time, through shardSet) {
	p.through.Store(uint64(through))
	p.provenAt.Store(int64(began.Sub(started)))
}

// proved returns the shards that came through the latest proof.
func (p *pipe) proved() shardSet { return shardSet(p.through.Load()) }

// age returns how long ago the server was asked for the proof that holds.
func (p *pipe) age(now time.Time) time.Duration {
	return now.Sub(started) - time.Duration(p.provenAt.Load())
}

// ask puts the question of q and waits for what becomes of it. errRetired if it
// was not put; else the error is also that of the connection, or the server's.
func (p *pipe) ask(q *question) error {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return errRetired
	}
	p.out = append(p.out, q.text...)
	p.unsent++
	p.waiting.push(q)
	p.watch(q.deadline)
	first := !p.busy
	p.busy = true
	crowd := p.crowd
	p.mu.Unlock()
	if first {
		if crowd {
			// Those who are about to ask are let pass first, so that one write
			// serves all. Where nobody else has been about, nobody waits.
			runtime.Gosched()
		}
		p.flush()
	}
	<-q.answered
	return q.err
}

// flush writes all that has been asked.
func (p *pipe) flush() {
	p.mu.Lock()
	out := p.out
	p.crowd = p.unsent > 1
	p.out, p.spare, p.unsent = p.spare[:0], nil, 0
	p.mu.Unlock()
	if len(out) == 0 {
		return // given up meanwhile
	}
	if _, err := p.wire.Write(out); err != nil {
		p.fail(err)
	}
	if cap(out) > maxSpare {
		return
	}
	p.mu.Lock()
	p.spare = out
	p.mu.Unlock()
}

// read hands out answers until the pipe is given up.
func (p *pipe) read() {
	in := bufio.NewReaderSize(p.wire, pipeBuffer)
	expected := false
	for {
		if !expected || in.Buffered() == 0 {
			_, err := in.Peek(1)
			if err == nil && !p.expects() {
				err = errUnasked
			}
			if err != nil {
				p.fail(err)
				return
			}
		}
		var a answer
		err := a.read(in)
		var next bool
		if err == nil {
			expected, next, err = p.hand(&a)
		}
		if err == nil {
			err = a.discard(in)
		}
		if err == nil && !expected && in.Buffered() > 0 { // before anybody is asked for it
			err = errUnasked
		}
		if next && err == nil {
			runtime.Gosched() // as in ask
			p.flush()
			expected = true
		}
		if err != nil {
			p.fail(err)
			return
		}
	}
}

// expects reports whether somebody whose question has been written waits.
func (p *pipe) expects() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting.len() > p.unsent
}

// hand gives an answer to whoever has waited longest. It reports whether another
// one is expected and, where that was the last, whether others have asked since.
func (p *pipe) hand(a *answer) (more, next bool, err error) {
	p.mu.Lock()
	switch {
	case p.dead: // all have been told
		p.mu.Unlock()
		return false, false, errRetired
	case p.waiting.len() <= p.unsent:
		p.mu.Unlock()
		return false, false, errUnasked
	}
	q := p.waiting.first()
	if err := q.take(a); err != nil { // not an answer to this question: nor are those behind
		p.mu.Unlock()
		return false, false, err
	}
	p.waiting.pop()
	more = p.waiting.len() > p.unsent
	next = !more && p.unsent > 0
	p.busy = more || next
	over := !p.busy && p.err != nil
	p.mu.Unlock()
	q.answered <- struct{}{}
	if over {
		return false, false, errRetired
	}
	return more, next, nil
}

// watch makes sure that it is noticed if there is no answer by deadline. One
// timer does for all: questions cost none.
func (p *pipe) watch(deadline time.Time) {
	if !p.due.IsZero() && !deadline.Before(p.due) {
		return
	}
	p.due = deadline
	if p.late == nil {
		p.late = time.AfterFunc(time.Until(deadline), p.overdue)
		return
	}
	p.late.Reset(time.Until(deadline))
}

// overdue gives the pipe up if somebody has waited for too long.
func (p *pipe) overdue() {
	p.mu.Lock()
	next := p.waiting.earliest()
	if p.dead || next.IsZero() {
		p.due = time.Time{}
		p.mu.Unlock()
		return
	}
	if left := time.Until(next); left > 0 {
		p.due = next
		p.late.Reset(left)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.fail(os.ErrDeadlineExceeded)
}

// fail gives the pipe up, with all who wait.
func (p *pipe) fail(err error) {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return
	}
	p.dead = true
	if p.err == nil {
		p.err = err
	}
	all := p.waiting.takeAll()
	p.out, p.unsent = nil, 0
	if p.late != nil {
		p.late.Stop()
	}
	p.mu.Unlock()
	p.closer.Close()
	p.lost(err)
	for _, q := range all {
		q.err = err
		q.answered <- struct{}{}
	}
}

// retire lets nobody ask any more. Who has asked is answered, and then the
// connection closed.
func (p *pipe) retire() {
	p.mu.Lock()
	if p.err == nil {
		p.err = errRetired
	}
	idle := p.waiting.len() == 0
	p.mu.Unlock()
	if idle {
		p.fail(errRetired)
	}
}
