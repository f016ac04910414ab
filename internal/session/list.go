package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/user"
)

// List returns the live sessions of u, last seen first.
func (m *Manager) List(ctx context.Context, u user.ID) ([]Session, error) {
	return m.store.ListUser(ctx, u, m.clock())
}

// Page is one page of the sessions that a filter selects.
type Page struct {
	Sessions []Session // last seen first
	Total    int       // sessions selected, on all pages
	Users    int       // users they belong to
	Number   int       // of this page, from 1; never past the last one
	Pages    int       // at least 1
	// Stopped says that the search has not looked at every session: more than
	// Total may match, and they may have been seen later than these.
	Stopped bool
}

const (
	// maxPage bounds the page number that a search believes.
	maxPage = 1_000_000
	// enough is with how many sessions a search stops: nobody turns that many
	// pages, and one page of a million sessions should not cost reading them all.
	enough = 100_000
	// lookFor is for how long a search looks at what does not match, before it
	// says that it has not seen everything: an answer has to come in time.
	lookFor = 15 * time.Second
)

// errEnough stops a search.
var errEnough = errors.New("session: enough found")

// Search returns page number (from 1) of the sessions that f selects, size to a
// page, last seen first. It reads the sessions once, or those of the user that f
// names, until it has found enough or looked for long enough, and holds no more
// of them than the pages up to the asked one. user.ErrBusy if too many others are
// reading.
func (m *Manager) Search(ctx context.Context, f Filter, number, size int) (Page, error) {
	return m.search(ctx, f, number, size, enough, lookFor)
}

// All returns every session that f selects, last seen first. It holds all of
// them and may take minutes: it is for commands.
func (m *Manager) All(ctx context.Context, f Filter) ([]Session, error) {
	var all []Session
	err := m.each(ctx, f, m.clock(), func(s Session) error {
		all = append(all, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, LastSeenFirst)
	return all, nil
}

// search is Search that stops at most sessions, or after long; 0 is never.
func (m *Manager) search(ctx context.Context, f Filter, number, size, most int, long time.Duration) (Page, error) {
	number, size = min(max(number, 1), maxPage), max(size, 1)
	top := first{order: LastSeenFirst}
	users := newDistinct()
	total := 0
	stopped, err := m.readAll(ctx, f, long, func(s Session) error {
		if most > 0 && total == most {
			return errEnough
		}
		total++
		users.add(s.User)
		top.add(s, number*size)
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	pages := max(1, (total+size-1)/size)
	number = min(number, pages)
	rows := top.take(number * size)
	rows = rows[min(len(rows), (number-1)*size):]
	return Page{Sessions: rows, Total: total, Users: users.count(), Number: number, Pages: pages, Stopped: stopped}, nil
}

// Place is where a session stands in the order of Browse.
type Place struct {
	Began time.Time
	ID    ID
}

// Listing is a part of the sessions that a filter selects.
type Listing struct {
	Sessions []Session // begun last first
	More     bool      // there are some behind the last one
	Total    int       // sessions selected, in all parts
	Users    int       // users they belong to
}

// Browse returns the first size of the sessions that f selects and that stand
// behind the place after; the zero Place stands before all. They are in the
// order in which they began, the last first, and that order, unlike Search's,
// never changes: who goes on behind the last session of each part misses none
// and sees none twice, whatever starts, ends or is used meanwhile. For that each
// part costs reading every session once, or every one of the user that f names,
// at the pace of readAll. user.ErrBusy if too many others are reading.
func (m *Manager) Browse(ctx context.Context, f Filter, after Place, size int) (Listing, error) {
	behind := Session{ID: after.ID, Began: after.Began}
	top := first{order: begunLastFirst}
	users := newDistinct()
	total, left := 0, 0
	_, err := m.readAll(ctx, f, 0, func(s Session) error {
		total++
		users.add(s.User)
		if after == (Place{}) || begunLastFirst(s, behind) > 0 {
			left++
			top.add(s, size)
		}
		return nil
	})
	if err != nil {
		return Listing{}, err
	}
	return Listing{Sessions: top.take(size), More: left > size, Total: total, Users: users.count()}, nil
}

// first keeps the sessions that come first in order, without keeping all it is
// shown.
type first struct {
	order func(a, b Session) int
	rows  []Session
}

func (f *first) add(s Session, keep int) {
	f.rows = append(f.rows, s)
	if len(f.rows) >= 2*keep+64 { // sort now and then, not for each
		f.rows = f.take(keep)
	}
}

func (f *first) take(k int) []Session {
	slices.SortFunc(f.rows, f.order)
	return f.rows[:min(k, len(f.rows))]
}

// begunLastFirst orders sessions by what of them never changes.
func begunLastFirst(a, b Session) int {
	if c := b.Began.Compare(a.Began); c != 0 {
		return c
	}
	return strings.Compare(string(a.ID), string(b.ID))
}

// LastSeenFirst orders sessions as every list shows them; ties by id, so that
// pages do not overlap.
func LastSeenFirst(a, b Session) int {
	if c := b.LastSeen.Compare(a.LastSeen); c != 0 {
		return c
	}
	return strings.Compare(string(a.ID), string(b.ID))
}
