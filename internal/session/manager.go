package session

import (
	"context"
	"errors"
	"log/slog"
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
	ender  ender
	log    *slog.Logger
	// observer is nil if nobody counts.
	observer Observer
	// unrecorded holds the ends that the ledger has to be told of.
	unrecorded *unrecorded
	// reading is whose turn it is to read everybody's sessions.
	reading reading
	// replacing holds the log-ins that are making room for themselves.
	replacing queue
	// refreshKey is nil if no bearer sessions are to be had.
	refreshKey *refreshKey
}

// NewManager returns a manager of the sessions in store. now is the clock that
// decides deadlines, time.Now in the product.
func NewManager(store Store, ledger Ledger, limits Limits, now func() time.Time, options ...Option) *Manager {
	m := &Manager{
		store: store, ledger: ledger, limits: limits, now: now,
		ender: enderFor(store, ledger), log: slog.New(slog.DiscardHandler), unrecorded: newUnrecorded(), reading: newReading(),
	}
	for _, set := range options {
		set(m)
	}
	return m
}

// LogTo makes m say in log what it ends, naming sessions by ID.Short. Call it
// before m is used.
func (m *Manager) LogTo(log *slog.Logger) { m.log = log }

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
	// Replaced, if not nil, is told each session that was asked to make room:
	// with nil once it has ended, with an error if that may not be finished.
	// It is also told when Start itself fails afterwards. Of a record that
	// nobody can read, ID and User are known.
	Replaced func(Session, error)
	IP       netip.Addr
	Device   Device
	// Client is the name that an API client gives itself, for the list of
	// devices. What could mislead there is taken out, and it is cut at 60
	// characters.
	Client string
}

// Start creates the session named id. ErrEpoch if the user's sessions have been
// ended since n.User was read; ErrExists if the id is in use; *LimitError if the
// user has as many sessions as they may and n does not say Replace, or
// user.ErrBusy if it does and too many others are doing the same.
func (m *Manager) Start(ctx context.Context, id ID, n New, data []byte) (Session, error) {
	s := m.opened(id, n, data)
	return s, m.start(ctx, s, n)
}

// opened returns the session that n describes, for the cookie.
func (m *Manager) opened(id ID, n New, data []byte) Session {
	now := m.clock()
	idle, lifetime := m.limits.Idle, m.limits.Lifetime
	if n.Remember {
		idle, lifetime = m.limits.RememberIdle, m.limits.RememberLifetime
	}
	return Session{
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
		Carrier:  Cookie,
		Client:   cleanClient(n.Client),
		Data:     data,
	}
}

func (m *Manager) start(ctx context.Context, s Session, n New) error {
	start := Start{Session: s, Limit: m.limits.PerUser}
	if n.Replace {
		return m.startReplacing(ctx, start, n.Replaced)
	}
	return m.store.Start(ctx, start)
}

// Check returns the live session named id, or *EndedError. A session whose time
// has run out, or whose record cannot be read, is ended in the store before it
// is answered, so that no request still in flight can move its deadline.
func (m *Manager) Check(ctx context.Context, id ID) (Session, error) {
	if why, ended := m.unrecorded.reasonOf(id); ended { // whatever the store has lost
		return Session{}, &EndedError{Reason: why}
	}
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
	why := Why{Reason: Expired}
	ended, err := m.store.End(ctx, []ID{id}, why, m.clock())
	if err != nil {
		return err
	}
	m.logEnd(ctx, []ID{id}, ended, why)
	return &EndedError{Reason: Expired}
}

// endUnreadable ends a session whose record this program cannot decode (I12).
// It costs that one log-in. A newer program may be able to decode it, so it is
// an end like any other.
func (m *Manager) endUnreadable(ctx context.Context, id ID) error {
	if _, err := m.End(ctx, []ID{id}, Why{Reason: Expired}); err != nil {
		return err
	}
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
	return m.renew(ctx, s, next)
}

// renew puts next in the place of s.
func (m *Manager) renew(ctx context.Context, s, next Session) (Session, error) {
	next.LastSeen = m.clock()
	// Of s only the id is at an end.
	why := Why{Reason: Replaced, Actor: s.User, Successor: next.ID}
	if err := m.ender.renew(ctx, s, next, why); err != nil {
		return Session{}, err
	}
	return next, nil
}

// End ends the sessions named ids: first in the ledger, then in the store, or
// in both at once where they are one ([Together]). When it returns nil the end
// is final (I2). Otherwise it returns *EndError, and the receipt says what has
// been done, which is as much as could be; repeating it is harmless. A caller
// that goes away does not stop it halfway.
func (m *Manager) End(ctx context.Context, ids []ID, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	var e EndError
	m.endSome(ctx, ids, why, &e)
	e.Receipt.Took = m.now().Sub(begin)
	return e.Receipt, e.orNil()
}

// endSome is End for a part of what is to be ended; it adds to e what came of
// it. A ledger that has failed once is not asked again. It returns false if
// going on makes no sense.
func (m *Manager) endSome(ctx context.Context, ids []ID, why Why, e *EndError) bool {
	if len(ids) == 0 {
		return true
	}
	var ended int
	now := m.clock()
	if e.Unrecorded == nil {
		ended, e.Unrecorded, e.Undone = m.ender.end(ctx, ids, why, now)
	} else {
		ended, e.Undone = m.store.End(ctx, ids, why, now)
	}
	if e.Unrecorded != nil && (e.Undone == nil || ended > 0) {
		e.Kept += m.unrecorded.keep(ids, why, now)
	}
	e.Receipt.Ended += ended
	if e.Undone == nil {
		e.Receipt.Gone += max(0, len(ids)-ended)
	}
	m.logEnd(ctx, ids, ended, why)
	return e.Undone == nil
}

// EndUser ends every session of u except keep, which may be empty. A log-in of
// u whose password is being checked at this moment cannot start its session.
// Failures as for End.
func (m *Manager) EndUser(ctx context.Context, u user.ID, keep ID, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	epoch, span, unrecorded := m.ledger.RaiseUser(ctx, u, keep, why, m.clock())
	if unrecorded != nil {
		e := EndError{Unrecorded: unrecorded}
		m.endListed(ctx, u, keep, why, &e)
		e.Receipt.Took = m.now().Sub(begin)
		return e.Receipt, &e
	}
	r, err := m.EndUserAt(ctx, u, epoch, keep, why)
	if err == nil {
		applied(ctx, m.store, span)
	}
	r.Took = m.now().Sub(begin)
	return r, err
}

// endListed is what can be done for EndUser without a new epoch: end what is
// there now. It does not stop a log-in that is under way.
func (m *Manager) endListed(ctx context.Context, u user.ID, keep ID, why Why, e *EndError) {
	list, err := m.store.ListUser(ctx, u, m.clock())
	if err != nil {
		e.Undone = err
		return
	}
	var ids []ID
	for _, s := range list {
		if s.ID != keep {
			ids = append(ids, s.ID)
		}
	}
	m.endSome(ctx, ids, why, e)
}

// EndUserAt is EndUser for a change of the account (password, role, disabled)
// that has raised the epoch and written the ledger already.
func (m *Manager) EndUserAt(ctx context.Context, u user.ID, epoch user.Epoch, keep ID, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	ended, err := m.store.EndUser(ctx, u, epoch, keep, why, m.clock())
	e := EndError{Receipt: Receipt{Ended: ended, Users: min(ended, 1), Took: m.now().Sub(begin)}, Undone: err}
	m.tellEnded(why.Reason, ended)
	m.log.InfoContext(ctx, "sessions of a user ended", "user", u, "ended", ended, "reason", why.Reason, "by", why.Actor)
	return e.Receipt, e.orNil()
}

// EndAll ends every session there is. Failures as for End; without the ledger it
// ends those that it finds, and does not stop log-ins that are under way.
func (m *Manager) EndAll(ctx context.Context, why Why) (Receipt, error) {
	ctx, begin := context.WithoutCancel(ctx), m.now()
	var e EndError
	epoch, span, err := m.ledger.RaiseAll(ctx, why, m.clock())
	if err != nil {
		e.Unrecorded = err
		m.endFound(ctx, Filter{Everyone: true}, why, &e)
	} else if e.Receipt.Ended, e.Undone = m.store.EndAll(ctx, epoch, why, m.clock()); e.Undone == nil {
		applied(ctx, m.store, span)
	}
	if e.Unrecorded == nil { // else endFound has told
		m.tellEnded(why.Reason, e.Receipt.Ended)
	}
	m.log.InfoContext(ctx, "everyone's sessions ended", "ended", e.Receipt.Ended, "reason", why.Reason, "by", why.Actor)
	e.Receipt.Took = m.now().Sub(begin)
	return e.Receipt, e.orNil()
}

// logged is how many sessions a line of the log names.
const logged = 5

// logEnd tells the observer how many have ended, and says in the log which of ids
// have, by the beginnings of their ids: these open nothing, and a whole one is
// what commands end sessions by.
func (m *Manager) logEnd(ctx context.Context, ids []ID, ended int, why Why) {
	m.tellEnded(why.Reason, ended)
	var names []string
	for _, id := range ids[:min(len(ids), logged)] {
		names = append(names, id.Short())
	}
	m.log.InfoContext(ctx, "sessions ended", "sessions", names, "asked", len(ids), "ended", ended, "reason", why.Reason, "by", why.Actor)
}

// Ping reports whether the store answers.
func (m *Manager) Ping(ctx context.Context) error { return m.store.Ping(ctx) }

// clock returns now in the precision that records keep.
func (m *Manager) clock() time.Time { return m.now().Truncate(time.Millisecond) }
