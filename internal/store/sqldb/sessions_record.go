package sqldb

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// record is a session as the table has it.
type record struct {
	id, user, username, role string
	epochAll, epochUser      int64
	began, lastSeen, idle    int64
	deadline                 int64
	remember                 bool
	ip, browser, os, client  string
	refresh, data            []byte
}

// recordColumns are the columns in the order of record.columns.
const recordColumns = `id, user_id, username, role, epoch_all, epoch_user,
	began, last_seen, idle_ms, deadline, remember, ip, browser, os, client, refresh, data`

func (r *record) columns() []any {
	return []any{&r.id, &r.user, &r.username, &r.role, &r.epochAll, &r.epochUser,
		&r.began, &r.lastSeen, &r.idle, &r.deadline, &r.remember, &r.ip, &r.browser, &r.os, &r.client, &r.refresh, &r.data}
}

// session decodes r. ErrUnreadable.
func (r *record) session() (session.Session, error) {
	role, ok := user.ParseRole(r.role)
	if !ok {
		return session.Session{}, fmt.Errorf("%w: role", session.ErrUnreadable)
	}
	var ip netip.Addr
	if r.ip != "" {
		var err error
		if ip, err = netip.ParseAddr(r.ip); err != nil {
			return session.Session{}, fmt.Errorf("%w: ip", session.ErrUnreadable)
		}
	}
	if !isEpoch(r.epochAll) || !isEpoch(r.epochUser) {
		return session.Session{}, fmt.Errorf("%w: epoch", session.ErrUnreadable)
	}
	carrier, refresh := session.Cookie, session.Refresh{}
	if r.refresh != nil {
		var err error
		if refresh, err = session.DecodeRefresh(r.refresh); err != nil {
			return session.Session{}, err
		}
		carrier = session.Bearer
	}
	return session.Session{
		ID:       session.ID(r.id),
		User:     user.ID(r.user),
		Username: r.username,
		Role:     role,
		Epoch:    user.Epoch{All: uint32(r.epochAll), User: uint32(r.epochUser)},
		Began:    fromMillis(r.began),
		LastSeen: fromMillis(r.lastSeen),
		Idle:     time.Duration(r.idle) * time.Millisecond,
		Deadline: fromMillis(r.deadline),
		Remember: r.remember,
		IP:       ip,
		Device:   session.Device{Browser: r.browser, OS: r.os},
		Carrier:  carrier,
		Client:   r.client,
		Refresh:  refresh,
		Data:     r.data,
	}, nil
}

// sessionRow is all that the tables say of a session.
type sessionRow struct {
	record
	ended   bool // and marked so
	reason  sql.NullString
	inForce bool
}

// selectSession asks for the row of the session $1.
const selectSession = `
	SELECT ` + recordColumns + `, ended_at IS NOT NULL, reason, COALESCE(` + inForce + `, FALSE)
	FROM sessions WHERE id = $1`

// columns are those of selectSession.
func (r *sessionRow) columns() []any {
	return append(r.record.columns(), &r.ended, &r.reason, &r.inForce)
}

// read reads them from d, which has been asked about id.
func (r *sessionRow) read(d *direct, id session.ID) {
	r.record.read(d, string(id))
	r.ended, r.reason, r.inForce = d.boolean(17), null(d.text(18)), d.boolean(19)
}

// read reads recordColumns from d, of which the first, id, is known.
func (r *record) read(d *direct, id string) {
	r.id, r.user, r.username, r.role = id, d.text(1), d.text(2), d.text(3)
	r.epochAll, r.epochUser = d.integer(4), d.integer(5)
	r.began, r.lastSeen, r.idle, r.deadline = d.integer(6), d.integer(7), d.integer(8), d.integer(9)
	r.remember = d.boolean(10)
	r.ip, r.browser, r.os, r.client = d.text(11), d.text(12), d.text(13), d.text(14)
	r.refresh, r.data = d.blob(15), d.blob(16)
}

// overtaken reports whether an epoch has ended the session before anybody has
// marked it. Only the ledger knows why.
func (r *sessionRow) overtaken() bool { return !r.ended && !r.inForce }

// session returns the session if it lives, r having been read with err. It must
// not have been overtaken.
func (r *sessionRow) session(err error) (session.Session, error) {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return session.Session{}, &session.EndedError{Reason: session.Expired}
	case err != nil:
		return session.Session{}, err
	case r.ended:
		return session.Session{}, endedBecause(r.reason.String)
	}
	return r.record.session()
}

// refreshOf returns the column refresh of s: NULL for a session in a cookie.
func refreshOf(s session.Session) any {
	if s.Carrier != session.Bearer {
		return nil
	}
	return session.AppendRefresh(nil, s.Refresh)
}

func isEpoch(n int64) bool { return 0 <= n && n <= math.MaxUint32 }
