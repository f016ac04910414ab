package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// shortcut reads in less time than a querier. Its error is sql.ErrNoRows, or any
// other if it takes the usual way to say.
type shortcut interface {
	find(ctx context.Context, id session.ID) (sessionRow, error)
	user(ctx context.Context, id user.ID) (user.User, error)
	recent(ctx context.Context, u user.ID, limit int) ([]audit.Event, error)
	list(ctx context.Context, u user.ID, now time.Time) ([]session.Session, error)
	// makeWay says that something is about to be written, until done is called.
	makeWay() (done func())
	close() error
}

// errUsualWay is the error of a shortcut that did not ask, or cannot use the answer.
var errUsualWay = errors.New("sqldb: to be asked in the usual way")

// question is one of questions.
type question int

const (
	aboutSession question = iota
	aboutUser
	aboutEvents
	aboutList
)

// questions are the queries that a direct can be asked.
var questions = [...]string{
	aboutSession: byIndex(selectSession),
	aboutUser:    selectUsers + whereID,
	aboutEvents:  selectRecentMerged,
	aboutList:    byIndex(selectLiveOf),
}

// byIndex has the epochs of users read from an index that has them. Left to itself
// SQLite takes that of the ids alone, because it is unique, and then has to look
// up the row.
func byIndex(query string) string {
	return strings.Replace(query, "FROM users ", "FROM users INDEXED BY users_epoch ", 1)
}

// find implements shortcut.
func (s *directs) find(ctx context.Context, id session.ID) (row sessionRow, err error) {
	err = s.ask(ctx, func(d *direct) error {
		if err := first(d); err != nil {
			return err
		}
		row.read(d, id)
		return nil
	}, aboutSession, string(id))
	return row, err
}

// user implements shortcut.
func (s *directs) user(ctx context.Context, id user.ID) (u user.User, err error) {
	err = s.ask(ctx, func(d *direct) error {
		if err := first(d); err != nil {
			return err
		}
		u, err = readUser(d, id)
		return err
	}, aboutUser, string(id))
	return u, err
}

// recent implements shortcut.
func (s *directs) recent(ctx context.Context, u user.ID, limit int) (events []audit.Event, err error) {
	err = s.ask(ctx, func(d *direct) error {
		for len(events) != limit { // where it stops, SQLite could go on, and so it may linger
			found, err := d.next()
			if !found {
				return err
			}
			if events == nil {
				events = make([]audit.Event, 0, min(uint(limit), 32))
			}
			events = append(events, audit.Event{})
			last := len(events) - 1
			readEvent(d, &events[last], &events[max(last-1, 0)])
		}
		return nil
	}, aboutEvents, string(u), int64(limit))
	return events, err
}

// list implements shortcut.
func (s *directs) list(ctx context.Context, u user.ID, now time.Time) (list []session.Session, err error) {
	err = s.ask(ctx, func(d *direct) error {
		for {
			found, err := d.next()
			if !found {
				slices.SortFunc(list, session.LastSeenFirst)
				return err
			}
			var r record
			r.read(d, d.text(0))
			if one, err := r.session(); err == nil {
				list = append(list, one)
			}
		}
	}, aboutList, string(u), millis(now), millis(now))
	return list, err
}

// first goes to the first row.
func first(d *direct) error {
	found, err := d.next()
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}

// ask asks q about arg and numbers and has the rows read by read.
func (s *directs) ask(ctx context.Context, read func(*direct) error, q question, arg string, numbers ...int64) error {
	if ctx.Err() != nil {
		return errUsualWay
	}
	d := s.take()
	if d == nil {
		return errUsualWay
	}
	err := withoutFault(func() error {
		if err := d.ask(q, arg, numbers...); err != nil {
			return err
		}
		return read(d)
	})
	if err == nil && d.row {
		s.linger(d)
		return nil
	}
	if err != errFault { // then it is only good for being closed
		d.done()
	}
	s.giveBack(d, err)
	return err
}
