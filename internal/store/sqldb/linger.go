package sqldb

import (
	"os"
	"time"
)

// lingerFor is how long a read lingers at least if no other follows; at most it
// is twice that.
const lingerFor = 20 * time.Millisecond

// linger lets d linger, and gives back the one that did so until now; or d, if
// nobody may.
func (s *directs) linger(d *direct) {
	s.mu.Lock()
	s.reads++
	if !s.sweeping && !s.closed {
		s.sweeping = true
		s.sweepLater(s.reads)
	}
	if s.writing == 0 && !s.long && !s.closed {
		d, s.lingering = s.lingering, d
	}
	s.mu.Unlock()
	if d == nil {
		return
	}
	d.done()
	s.giveBack(d, nil)
}

// sweepLater ends the read that lingers if none has followed since seen, or if
// the log is long.
func (s *directs) sweepLater(seen uint) {
	time.AfterFunc(lingerFor, func() {
		long := isLong(s.log)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.long, s.sweeping = long, s.reads != seen && !s.closed
		if s.sweeping {
			s.sweepLater(s.reads)
		}
		if s.long || !s.sweeping {
			s.endLingering()
		}
	})
}

// isLong reports whether the log in file is more than what SQLite leaves of one
// that it could empty.
func isLong(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() > sqliteLog
}

// endLingering is called with the lock held.
func (s *directs) endLingering() {
	if d := s.lingering; d != nil {
		s.lingering = nil
		d.done()
		s.idle = append(s.idle, d)
		s.taken.Done()
	}
}

// makeWay implements shortcut.
func (s *directs) makeWay() (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing++
	s.endLingering()
	return func() {
		s.mu.Lock()
		s.writing--
		s.mu.Unlock()
	}
}
