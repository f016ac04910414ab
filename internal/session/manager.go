package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gatehouse/internal/user"
)

// Limits are the deadlines of new sessions, and how many there may be. A
// session keeps the deadlines it began with.
type Limits struct {
	Idle     time.Duration // ends when unseen for this long
	Lifetime time.Duration // ends this long after log-in, come what may
	// The same for "keep me signed in".
	RememberIdle     time.Duration
	RememberLifetime time.Duration
	// PerUser is how many sessions of one user may live at once; 0 is no limit.
	PerUser int
}

// Longest returns the longest lifetime that a session can have: how long
// anything about an ended session may have to be remembered.
func (l Limits) Longest() time.Duration { return max(l.Lifetime, l.RememberLifetime) }

// Manager applies the session protocol to a store: every start, check and end
// of the program goes through it. It names sessions by id and never sees a
// token.
type Manager struct {
	store  Store
	ledger Ledger
	limits Limits
	now    func() time.Time
	// replacing holds the log-ins that are making room for themselves.
	replacing queue
}

// NewManager returns a manager of the sessions in store. now is the clock that
// decides deadlines, time.Now in the product.
func NewManager(store Store, ledger Ledger, limits Limits, now func() time.Time) *Manager {
	return &Manager{store: store, ledger: ledger, limits: limits, now: now}
}

// Limits returns the limits of new sessions.
func (m *Manager) Limits() Limits { return m.limits }

// New describes a log-in that has just succeeded.
type New struct {
	// User is the account as it was read before its password was checked; its
	// Epoch decides whether the session may still start.
	User     user.User
	Remember bool
	// Replace says that the sessions seen longest ago make room for this one
	// if the user has as many as they may; they end as Replaced.
	Replace bool
	IP      netip.Addr
	Device  Device
}

// Start creates the session named id. ErrEpoch if the user's sessions have been
// ended since n.User was read; ErrExists if the id is in use; *LimitError if the
// user has as many sessions as they may and n does not say Replace, or
// user.ErrBusy if it does and too many others are doing the same.
func (m *Manager) Start(ctx context.Context, id ID, n New, data []byte) (Session, error) {
	now := m.clock()
	idle, lifetime := m.limits.Idle, m.limits.Lifetime
	if n.Remember {
		idle, lifetime = m.limits.RememberIdle, m.limits.RememberLifetime
	}
	s := Session{
		ID:       id,
		User:     n.User.ID,
		Username: n.User.Username,
		Role:     n.User.Role,
		Epoch:    n.User.Epoch,
		Began:    now,
		LastSeen: now,
		Idle:     idle,
		Deadline: now.Add(lifetime),
		Remember: n.Remember,
		IP:       n.IP.Unmap().WithZone(""),
		Device:   n.Device,
		Data:     data,
	}
	start := Start{Session: s, Limit: m.limits.PerUser}
	if n.Replace {
		return s, m.startReplacing(ctx, start)
	}
	return s, m.store.Start(ctx, start)
}

// Check returns the live session named id, or *EndedError. A session whose time
// has run out, or whose record cannot be read, is ended in the store before it
// is answered, so that no request still in flight can move its deadline.
func (m *Manager) Check(ctx context.Context, id ID) (Session, error) {
	s, err := m.store.Find(ctx, id)
	switch {
	case errors.Is(err, ErrUnreadable):
		return Session{}, m.endUnreadable(ctx, id)
	case err != nil:
		return Session{}, err
	case s.ExpiredAt(m.clock()):
		return Session{}, m.expire(ctx, id)
	}
	return s, nil
}

// expire ends a session whose deadline has passed and returns *EndedError, or
// the store's error. Expiry needs no row in the ledger: the deadlines are in
// the record itself and hold wherever that record may come back.
func (m *Manager) expire(ctx context.Context, id ID) error {
	if _, err := m.store.End(ctx, []ID{id}, Why{Reason: Expired}, m.clock()); err != nil {
		return err
	}
	return &EndedError{Reason: Expired}
}

// endUnreadable ends a session whose record this program cannot decode (I12).
// It costs that one log-in.
func (m *Manager) endUnreadable(ctx context.Context, id ID) error {
	why := Why{Reason: Expired}
	span, err := m.ledger.RecordEnd(ctx, []ID{id}, why, m.clock())
	if err != nil {
		return err
	}
	if _, err := m.store.End(ctx, []ID{id}, why, m.clock()); err != nil {
		return err
	}
	m.applied(ctx, span)
	return &EndedError{Reason: Expired}
}

// Save replaces the data of s and counts as activity. *EndedError if s has been
// ended meanwhile: then the request that carries it must not be answered.
func (m *Manager) Save(ctx context.Context, s Session, data []byte) error {
	return m.store.Save(ctx, s, data, m.clock())
}

// Touch moves the idle deadline of s forward if that is due. *EndedError if s
// has been ended meanwhile.
func (m *Manager) Touch(ctx context.Context, s Session) error {
	now := m.clock()
	if !s.TouchDue(now) {
		return nil
	}
	return m.store.Touch(ctx, s, now)
}

// Renew continues s under a new id (I9) with the given epoch; the old id is
// ended as Replaced. The absolute deadline stays (I8).
func (m *Manager) Renew(ctx context.Context, s Session, id ID, epoch user.Epoch, data []byte) (Session, error) {
	next := s
	next.ID, next.Epoch, next.Data = id, epoch, data
	next.LastSeen = m.clock()
	// The old token is at an end, and stays so whatever the store forgets.
	span, err := m.ledger.RecordEnd(ctx, []ID{s.ID}, Why{Reason: Replaced, Actor: s.User, Successor: id}, next.LastSeen)
	if err != nil {
		return Session{}, err
	}
	if err := m.store.Renew(ctx, s, next); err != nil {
		return Session{}, err
	}
	m.applied(ctx, span)
	return next, nil
}

// Receipt says what an end did.
type Receipt struct {
	Ended int           // sessions that were alive
	Gone  int           // sessions that had ended already
	Users int           // users they belonged to, where that is known
	Hit   []user.ID     // these users, where they are few
	Took  time.Duration // from the request to the last confirmation
}

// End ends the sessions named ids: first in the ledger, then in the store.
// When it returns nil the end is final (I2). Otherwise the receipt says what
// has been done, which is as much as could be, and repeating it is harmless.
// A caller that goes away does not stop it halfway.
func (m *Manager) End(ctx context.Context, ids []ID, why Why) (Receipt, error) {
	if len(ids) == 0 {
		return Receipt{}, nil
	}
	ctx, begin := context.WithoutCancel(ctx), m.now()
	span, unrecorded := m.ledger.RecordEnd(ctx, ids, why, m.clock())
	ended, err := m.store.End(ctx, ids, why, m.clock())
	if err = endError(unrecorded, err); err != nil {
		return Receipt{Ended: ended}, err
	}
	m.applied(ctx, span)
	return Receipt{Ended: ended, Gone: max(0, len(ids)-ended), Took: m.now().Sub(begin)}, nil
}

// EndUser ends every session of u except keep, which may be empty. A log-in of
// u whose password is being checked at this moment cannot start its session.
// Failures as for End.
func (m *Manager) EndUser(ctx context.Context, u user.ID, keep ID, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	epoch, span, unrecorded := m.ledger.RaiseUser(ctx, u, keep, why, m.clock())
	if unrecorded != nil {
		ended, err := m.endListed(ctx, u, keep, why)
		return Receipt{Ended: ended}, endError(unrecorded, err)
	}
	r, err := m.EndUserAt(ctx, u, epoch, keep, why)
	if err == nil {
		m.applied(ctx, span)
	}
	r.Took = m.now().Sub(begin)
	return r, err
}

// endListed is what can be done for EndUser without a new epoch: end what is
// there now. It does not stop a log-in that is under way.
func (m *Manager) endListed(ctx context.Context, u user.ID, keep ID, why Why) (int, error) {
	list, err := m.store.ListUser(ctx, u, m.clock())
	if err != nil {
		return 0, err
	}
	var ids []ID
	for _, s := range list {
		if s.ID != keep {
			ids = append(ids, s.ID)
		}
	}
	return m.store.End(ctx, ids, why, m.clock())
}

// EndUserAt is EndUser for a change of the account (password, role, disabled)
// that has raised the epoch and written the ledger already.
func (m *Manager) EndUserAt(ctx context.Context, u user.ID, epoch user.Epoch, keep ID, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	ended, err := m.store.EndUser(ctx, u, epoch, keep, why, m.clock())
	if err != nil {
		return Receipt{Ended: ended}, endError(nil, err)
	}
	return Receipt{Ended: ended, Users: min(ended, 1), Took: m.now().Sub(begin)}, nil
}

// EndAll ends every session there is.
func (m *Manager) EndAll(ctx context.Context, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	epoch, span, err := m.ledger.RaiseAll(ctx, why, m.clock())
	if err != nil {
		return Receipt{}, endError(err, nil)
	}
	ended, err := m.store.EndAll(ctx, epoch, why, m.clock())
	if err != nil {
		return Receipt{Ended: ended}, endError(nil, err)
	}
	m.applied(ctx, span)
	return Receipt{Ended: ended, Took: m.now().Sub(begin)}, nil
}

// applied notes that the store has done what the ledger says. If the note is
// lost the store is told again what it knows already.
func (m *Manager) applied(ctx context.Context, span Span) {
	if span.Last > 0 {
		_ = m.store.Applied(ctx, span)
	}
}

// endError says which half of an end failed: it may not be recorded, or not be
// done, or neither.
func endError(unrecorded, undone error) error {
	switch {
	case unrecorded != nil && undone != nil:
		return fmt.Errorf("session: end neither recorded (%w) nor done (%w)", unrecorded, undone)
	case unrecorded != nil:
		return fmt.Errorf("session: end done but not recorded: %w", unrecorded)
	case undone != nil:
		return fmt.Errorf("session: end recorded but not done: %w", undone)
	}
	return nil
}

// Ping reports whether the store answers.
func (m *Manager) Ping(ctx context.Context) error { return m.store.Ping(ctx) }

// clock returns now in the precision that records keep.
func (m *Manager) clock() time.Time { return m.now().Truncate(time.Millisecond) }
