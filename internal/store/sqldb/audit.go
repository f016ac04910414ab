package sqldb

import (
	"context"
	"database/sql"
	"net/netip"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/user"
)

// Audit keeps the audit log.
type Audit struct{ db *DB }

var _ audit.Log = (*Audit)(nil)

// Audit returns the audit log in db.
func (db *DB) Audit() *Audit { return &Audit{db} }

// Append implements audit.Log.
func (a *Audit) Append(ctx context.Context, e audit.Event) error {
	_, err := a.db.exec(ctx, `
		INSERT INTO audit (at, kind, user_id, actor, ip, device, note) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		millis(e.At), e.Kind, e.User, e.Actor, ipText(e.IP), storable(e.Device), storable(e.Note))
	return err
}

// Recent implements audit.Log.
func (a *Audit) Recent(ctx context.Context, u user.ID, limit int) (events []audit.Event, err error) {
	err = a.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		events = nil
		return each(ctx, q, func(rows *sql.Rows) error {
			e, err := scanEvent(rows)
			events = append(events, e)
			return err
		}, `SELECT at, kind, user_id, actor, ip, device, note FROM audit
			WHERE user_id = $1 ORDER BY at DESC, seq DESC LIMIT $2`, u, limit)
	})
	return events, err
}

func scanEvent(rows *sql.Rows) (audit.Event, error) {
	var (
		e  audit.Event
		at int64
		ip string
	)
	err := rows.Scan(&at, &e.Kind, &e.User, &e.Actor, &ip, &e.Device, &e.Note)
	e.At = fromMillis(at)
	// An address that cannot be read costs the address, not the event.
	e.IP, _ = netip.ParseAddr(ip)
	return e, err
}

// Prune implements audit.Log.
func (a *Audit) Prune(ctx context.Context, before time.Time) (int, error) {
	return a.db.prune(ctx, `DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < $1 LIMIT $2)`,
		millis(before), prunedAtOnce)
}
