package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"gatehouse/internal/user"
)

// Preview says what an end by a filter would hit.
type Preview struct {
	Sessions int
	Users    int       // they belong to
	First    []Session // the first few, last seen first
}

// previewed is how many sessions a preview names.
const previewed = 5

// Preview returns what EndWhere would end now. ErrNoFilter, ErrFilterMix.
func (m *Manager) Preview(ctx context.Context, f Filter) (Preview, error) {
	if err := f.endable(); err != nil {
		return Preview{}, err
	}
	found, err := m.search(ctx, f, 1, previewed, 0, 0)
	return Preview{Sessions: found.Total, Users: found.Users, First: found.Sessions}, err
}

const (
	// endAtOnce is how many sessions an end by filter writes to the ledger in
	// one transaction, which other ends and log-ins may have to wait for, and
	// checks too if the ledger is SQLite, unless the store says otherwise.
	endAtOnce = 100
	// maxHit is how many accounts a receipt names.
	maxHit = 100
	// maxPasses bounds how often an end by filter looks again.
	maxPasses = 5
)

// EndWhere ends the sessions that f selects. One that matched when EndWhere was
// called has ended when it returns nil, also if it was renewed meanwhile; one
// that begins later may stay, except that a filter of one user or of everyone
// also stops the log-ins that are under way. ErrNoFilter, ErrFilterMix; failures
// as for End.
func (m *Manager) EndWhere(ctx context.Context, f Filter, why Why) (r Receipt, err error) {
	if err := f.endable(); err != nil {
		return Receipt{}, err
	}
	ctx, begin := context.WithoutCancel(ctx), m.now()
	switch {
	case f.Everyone:
		r, err = m.EndAll(ctx, why)
	case f.User != "" && f.criteria() == 1:
		r, err = m.EndUser(ctx, f.User, "", why)
		r.Hit = []user.ID{f.User}
	default:
		r, err = m.endMatching(ctx, f, why)
	}
	r.Took = m.now().Sub(begin)
	return r, err
}

// endMatching ends by id what f selects.
func (m *Manager) endMatching(ctx context.Context, f Filter, why Why) (Receipt, error) {
	var e EndError
	m.endFound(ctx, f, why, &e)
	return e.Receipt, e.orNil()
}

// endFound ends by id what f selects, and looks again until nothing is left
// that was there at the beginning: a session that is renewed under a reading
// that has passed its new place is only seen the next time. It adds to e what
// came of it.
func (m *Manager) endFound(ctx context.Context, f Filter, why Why, e *EndError) {
	began, users, unseen := m.clock(), map[user.ID]struct{}{}, slices.Clone(f.IDs)
	var batch []ID
	atOnce, rests := m.ender.atOnce()
	p := pace{since: time.Now()}
	flush := func() error {
		defer func() {
			batch = batch[:0]
			if rests {
				p.since = time.Now()
			}
		}()
		if !m.endSome(ctx, batch, why, e) {
			return e.Undone
		}
		return nil
	}
	for pass := range maxPasses {
		found := 0
		err := m.eachSeen(ctx, f, began, &p, func(s Session, matches bool) error {
			if !matches || s.Began.After(began) {
				return nil
			}
			found++
			users[s.User] = struct{}{}
			unseen = slices.DeleteFunc(unseen, func(id ID) bool { return id == s.ID })
			if batch = append(batch, s.ID); len(batch) == atOnce {
				return flush()
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			e.Undone, e.Rest = err, true // who comes after has not even been looked at
			return
		}
		if found == 0 && pass > 0 {
			break
		}
	}
	e.Receipt.Users = len(users)
	delete(users, "") // of a record that nobody can read
	if len(users) <= maxHit {
		e.Receipt.Hit = slices.Sorted(maps.Keys(users))
	}
	batch = unseen // already gone, or renewed: what they go by now ends with them
	_ = flush()    // e knows
}

// narrow reports whether f names what it selects, so that nobody else's
// sessions are read.
func (f Filter) narrow() bool { return len(f.IDs) > 0 || f.User != "" }

// each calls fn with the live sessions that f selects at now, by the shortest
// way that f leaves open.
func (m *Manager) each(ctx context.Context, f Filter, now time.Time, fn func(Session) error) error {
	return m.eachSeen(ctx, f, now, &pace{since: time.Now()}, func(s Session, matches bool) error {
		if !matches {
			return nil
		}
		return fn(s)
	})
}

// eachSeen calls fn with every session that is looked at on the way, and whether
// f selects it. Where it reads everybody's it goes at the pace p.
func (m *Manager) eachSeen(ctx context.Context, f Filter, now time.Time, p *pace, fn func(s Session, matches bool) error) error {
	look := func(s Session) error { return fn(s, f.Matches(s, now)) }
	switch {
	case len(f.IDs) > 0:
		for _, id := range f.IDs {
			s, err := m.store.Find(ctx, id)
			var ended *EndedError
			switch {
			case errors.As(err, &ended), err == nil && s.ExpiredAt(now):
				continue
			case errors.Is(err, ErrUnreadable):
				s = Session{ID: id} // somebody's, and to be ended all the same (I12)
			case err != nil:
				return err
			}
			if err := look(s); err != nil {
				return err
			}
		}
		return nil
	case f.User != "":
		list, err := m.store.ListUser(ctx, f.User, now)
		for _, s := range list {
			if err := look(s); err != nil {
				return err
			}
		}
		return err
	}
	return m.store.Scan(ctx, now, func(s Session) error {
		if err := p.step(ctx); err != nil {
			return err
		}
		return look(s)
	})
}
