package session

import (
	"context"
	"crypto/rand"
	"errors"

	"gatehouse/internal/user"
)

// Option changes a new manager.
type Option func(*Manager)

// WithRefreshKey lets the manager give out refresh tokens. All nodes need the
// same key, for as long as a session lives: with another, every refresh token
// given out before is refused. The key alone, or together with the store, opens
// no session.
func WithRefreshKey(key [32]byte) Option {
	return func(m *Manager) { m.refreshKey = (*refreshKey)(&key) }
}

// errNoRefreshKey: the program was put together without WithRefreshKey.
var errNoRefreshKey = errors.New("session: no key for refresh tokens")

// ReuseError says that Refresh was shown a spent token and has ended its session
// for it: one of two who hold tokens of that session should not, and which one
// cannot be told. It is for the audit log, and goes to one caller alone.
type ReuseError struct {
	Session Session // as it was
	Receipt Receipt
	Err     error // why the end could not be finished; nil if it is final
}

// Error implements error.
func (e *ReuseError) Error() string { return e.Unwrap().Error() }

// Unwrap returns an *EndedError, or what the end failed of.
func (e *ReuseError) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return &EndedError{Reason: Reuse}
}

// StartBearer is Start for a client that keeps tokens instead of a cookie. It
// returns the session with its first refresh token.
func (m *Manager) StartBearer(ctx context.Context, n New) (Session, string, error) {
	_, id := NewToken(n.User.ID) // nobody has the token
	s := m.opened(id, n, nil)
	token, err := m.carryByBearer(&s)
	if err != nil {
		return Session{}, "", err
	}
	if err := m.start(ctx, s, n); err != nil {
		return Session{}, "", err
	}
	return s, token, nil
}

// RenewBearer is Renew for a bearer session: it goes on under a new id, with a
// new refresh token. Access and refresh tokens that name the old id are at an
// end.
func (m *Manager) RenewBearer(ctx context.Context, s Session, epoch user.Epoch) (Session, string, error) {
	next := s
	_, next.ID = NewToken(s.User) // nobody has the token
	next.Epoch = epoch
	token, err := m.carryByBearer(&next)
	if err != nil {
		return Session{}, "", err
	}
	next, err = m.renew(ctx, s, next)
	if err != nil {
		return Session{}, "", err
	}
	return next, token, nil
}

// EnterBearer checks the session called id, which an access token of u names, and
// fills v with it as [Cookies.Enter] does for a cookie. ErrCarrier if it is a
// session in a cookie, ErrUser if it is somebody else's; *EndedError,
// ErrUnavailable as Check.
func (m *Manager) EnterBearer(id ID, u user.ID, v *Visit) error {
	s, err := m.Check(v.Context, id)
	switch {
	case err != nil:
		return err
	case s.Carrier != Bearer:
		return ErrCarrier
	case s.User != u:
		return ErrUser
	}
	v.present, v.session = true, s
	return nil
}

// carryByBearer makes s a session whose first refresh token is the one returned.
func (m *Manager) carryByBearer(s *Session) (string, error) {
	if m.refreshKey == nil {
		return "", errNoRefreshKey
	}
	secret := newRefreshSecret()
	s.Carrier = Bearer
	s.Refresh = Refresh{Generation: 1, Rotated: m.clock(), Hash: secret.hash()}
	return m.refreshKey.seal(refreshToken{session: s.ID, generation: 1, secret: secret})
}

// Refresh spends a refresh token and returns the session that it is of, seen now
// (as by Touch), together with the token's successor. The same token again
// within RefreshGrace brings the same successor, however often and wherever it is
// shown.
//
// ErrToken if the text is no token that this installation gave out, or not for
// this session as its store has it: nothing has happened. *EndedError if the
// session has ended. If the token was spent earlier, the session ends here as
// Reuse: *ReuseError, which is an *EndedError too.
//
// If the answer is lost, or is an error that wraps [ErrUnavailable], the token
// may be shown again.
func (m *Manager) Refresh(ctx context.Context, token string) (Session, string, error) {
	shown, err := m.openRefresh(token)
	if err != nil {
		return Session{}, "", err
	}
	if why, ended := m.unrecorded.reasonOf(shown.session); ended { // as for Check
		return Session{}, "", &EndedError{Reason: why}
	}
	x := m.useOf(shown)
	rand.Read(x.Nonce[:])
	x.Next = m.refreshKey.successor(x.Nonce, shown.secret).hash()
	s, err := m.store.Rotate(ctx, x)
	var ended *EndedError
	switch {
	case errors.Is(err, ErrUnreadable):
		return Session{}, "", m.endUnreadable(ctx, x.ID)
	case errors.Is(err, ErrReuse):
		return Session{}, "", m.endReused(ctx, s)
	case errors.As(err, &ended) && ended.Reason == Expired:
		return Session{}, "", m.expire(ctx, x.ID) // as Check does, before anybody is told
	case err != nil:
		return Session{}, "", err
	}
	next, err := m.refreshKey.seal(refreshToken{
		session:    s.ID,
		generation: s.Refresh.Generation,
		// By the nonce of who was first, which may be another than this call.
		secret: m.refreshKey.successor(s.Refresh.Nonce, shown.secret),
	})
	return s, next, err
}

// RefreshOf returns which session the text is a refresh token of, if it is one
// that this installation has given out. Whether it still counts, and whether the
// session lives, is not looked at: no store is asked. ErrToken.
func (m *Manager) RefreshOf(token string) (ID, error) {
	t, err := m.openRefresh(token)
	return t.session, err
}

// CheckRefresh returns the live session that the refresh token would refresh,
// and spends nothing: for introspection (RFC 7662) and revocation (RFC 7009).
// ErrToken if it no longer would, *EndedError. It ends nothing: who revokes a
// spent token has not stolen it.
func (m *Manager) CheckRefresh(ctx context.Context, token string) (Session, error) {
	shown, err := m.openRefresh(token)
	if err != nil {
		return Session{}, err
	}
	s, err := m.Check(ctx, shown.session)
	if err != nil {
		return Session{}, err
	}
	if _, _, err := s.Refresh.Use(m.useOf(shown)); err != nil {
		return Session{}, ErrToken
	}
	return s, nil
}

func (m *Manager) openRefresh(token string) (refreshToken, error) {
	if m.refreshKey == nil {
		return refreshToken{}, errNoRefreshKey
	}
	return m.refreshKey.open(token)
}

// useOf returns the use of a token, without a successor.
func (m *Manager) useOf(t refreshToken) Rotate {
	return Rotate{ID: t.session, Generation: t.generation, Hash: t.secret.hash(), Now: m.clock(), Grace: RefreshGrace}
}

// endReused ends the session of a token that was shown again.
func (m *Manager) endReused(ctx context.Context, s Session) error {
	receipt, err := m.End(ctx, []ID{s.ID}, Why{Reason: Reuse})
	if err == nil && receipt.Ended == 0 { // somebody was faster, and tells the audit log
		return &EndedError{Reason: Reuse}
	}
	return &ReuseError{Session: s, Receipt: receipt, Err: err}
}
