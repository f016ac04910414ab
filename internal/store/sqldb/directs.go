package sqldb

import (
	"errors"
	"sync"
)

// maxDirects bounds the connections of directs, and so their memory. Whoever
// comes when all are taken goes the usual way.
const maxDirects = sqliteReaders

// directs is the shortcut to a SQLite file.
//
// Two system calls of each read, for the lock that keeps the log from being
// emptied under it, are nearly half of what is left of its cost. SQLite makes
// them only for the first connection of a process that reads and after the last.
// So the latest read lingers, done but not closed, until the next one has begun;
// that next one is as new as any other and sees what has been committed before
// it. One that has met the end of its rows is closed, and leaves that to the one
// before it. SQLite empties its log when something is committed and nobody reads, so
// nobody lingers while this process writes, nor while the log is long, whoever
// writes it.
type directs struct {
	uri  string
	log  string // its file
	mu   sync.Mutex
	idle []*direct // the last one used is the next one: its pages are in the cache
	open int       // idle ones, taken ones and the one that lingers
	// closed is set by close; then taken waits for those that are being used.
	closed bool
	taken  sync.WaitGroup

	lingering *direct // nil if none
	writing   int     // how many writes are going on
	long      bool    // whether the log was long at the last sweep
	reads     uint    // how many reads might have lingered
	sweeping  bool    // whether a sweep is to come
}

// take returns one that nobody uses, or nil.
func (s *directs) take() *direct {
	d, mayOpen := s.reserve()
	if !mayOpen {
		return d
	}
	d, err := openDirect(s.uri)
	if err != nil { // the usual way will meet it too, and explain it
		s.remove()
		return nil
	}
	return d
}

// reserve takes one that is open, or room for one more if it returns true.
func (s *directs) reserve() (d *direct, mayOpen bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.idle) - 1
	switch {
	case s.closed, last < 0 && s.open == maxDirects:
		return nil, false
	case last < 0:
		s.open++
	default:
		d, s.idle = s.idle[last], s.idle[:last]
	}
	s.taken.Add(1)
	return d, d == nil
}

// remove gives back the room for one.
func (s *directs) remove() {
	s.mu.Lock()
	s.open--
	s.mu.Unlock()
	s.taken.Done()
}

// giveBack takes d back, whose last answer was err. One that is broken is not
// used again.
func (s *directs) giveBack(d *direct, err error) {
	if err != nil && broken(err) {
		d.close()
		s.remove()
		return
	}
	s.mu.Lock()
	s.idle = append(s.idle, d)
	s.mu.Unlock()
	s.taken.Done()
}

// broken reports whether err tells that something is wrong with a connection, as
// opposed to that others are in its way.
func broken(err error) bool {
	var code notOK
	return err == errFault || errors.As(err, &code) && !code.busy()
}

// close closes all, and waits for those that are being used.
func (s *directs) close() error {
	s.mu.Lock()
	s.closed = true
	s.endLingering()
	s.mu.Unlock()
	s.taken.Wait()
	s.mu.Lock() // whoever comes late still looks
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	var errs []error
	for _, d := range idle {
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}
