package sqldb

import (
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

// refreshOf returns the column refresh of s: NULL for a session in a cookie.
func refreshOf(s session.Session) any {
	if s.Carrier != session.Bearer {
		return nil
	}
	return session.AppendRefresh(nil, s.Refresh)
}

func isEpoch(n int64) bool { return 0 <= n && n <= math.MaxUint32 }
