package sqldb

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
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

// everyoneID stands in user_id for everybody, so that an account's activity is
// found in the index without passing what happened to no account at all.
const everyoneID = "*"

func aboutWhom(e audit.Event) string {
	if e.Kind == audit.EveryoneEnded {
		return everyoneID
	}
	return string(e.User)
}

// Append implements audit.Log.
func (a *Audit) Append(ctx context.Context, e audit.Event) error {
	_, err := a.db.exec(ctx, `
		INSERT INTO audit (at, kind, user_id, actor, ip, ip_key, device, note, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		millis(e.At), e.Kind, aboutWhom(e), e.Actor, ipText(e.IP), ipKey(e.IP), storable(e.Device), storable(e.Note), detailText(e.Detail))
	return err
}

const selectEvents = `SELECT a.at, a.kind, a.user_id, a.actor, a.ip, a.device, a.note, a.detail`

// What is asked for the events of the user $1 and of everyone. "+ 0", because
// SQLite looks at a LIMIT that is a mere parameter when it compiles, and so
// compiles again for each: a fifth of this query.
const (
	// selectRecent wants its limit as $2, $3 and $4.
	selectRecent = selectEvents + ` FROM (
			SELECT * FROM (SELECT * FROM audit WHERE user_id = $1 ORDER BY at DESC, seq DESC LIMIT $2 + 0) AS own
			UNION ALL
			SELECT * FROM (SELECT * FROM audit WHERE user_id = '` + everyoneID + `' ORDER BY at DESC, seq DESC LIMIT $3 + 0) AS everyone
		) AS a ORDER BY a.at DESC, a.seq DESC LIMIT $4 + 0`
	// selectRecentMerged says the same for SQLite, which takes both from the index
	// in order and merges them, and so looks at no row too many and sorts none.
	// PostgreSQL would read and sort all that there is. Its limit is $2.
	selectRecentMerged = selectEvents + `, a.seq FROM audit a WHERE a.user_id = $1
		UNION ALL ` + selectEvents + `, a.seq FROM audit a WHERE a.user_id = '` + everyoneID + `'
		ORDER BY at DESC, seq DESC LIMIT $2 + 0`
)

// Recent implements audit.Log.
func (a *Audit) Recent(ctx context.Context, u user.ID, limit int) (events []audit.Event, err error) {
	if a.db.shortcut != nil {
		if events, err = a.db.shortcut.recent(ctx, u, limit); err == nil {
			return events, nil
		}
	}
	err = a.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		events = nil
		return each(ctx, q, func(rows *sql.Rows) error {
			var e audit.Event
			err := scanEvent(rows, &e)
			events = append(events, e)
			return err
		}, selectRecent, u, limit, limit, limit)
	})
	return events, err
}

// readEvent reads from d what scanEvent scans. Most that happens to somebody is
// their own doing, again and again; what is as in before needs no copy.
func readEvent(d *direct, e, before *audit.Event) {
	e.Kind = audit.Kind(d.textLike(1, string(before.Kind)))
	e.User = user.ID(d.textLike(2, string(before.User)))
	e.Actor = user.ID(d.textLike(3, string(before.Actor)))
	e.Device, e.Note = d.textLike(5, before.Device), d.text(6)
	complete(e, d.integer(0), d.text(4), d.view(7))
}

// scanEvent scans what selectEvents selects and then more.
func scanEvent(rows *sql.Rows, e *audit.Event, more ...any) error {
	var (
		at     int64
		ip     string
		detail []byte
	)
	err := rows.Scan(append([]any{&at, &e.Kind, &e.User, &e.Actor, &ip, &e.Device, &e.Note, &detail}, more...)...)
	if err != nil {
		return err
	}
	complete(e, at, ip, detail)
	return nil
}

// complete adds what is written in other words.
func complete(e *audit.Event, at int64, ip string, detail []byte) {
	e.At = fromMillis(at)
	if e.User == everyoneID {
		e.User = ""
	}
	// An address or a detail that cannot be read costs itself, not the event.
	if ip != "" {
		e.IP, _ = netip.ParseAddr(ip)
	}
	if len(detail) > 0 && json.Unmarshal(detail, &e.Detail) != nil {
		e.Detail = audit.Detail{}
	}
}

func detailText(d audit.Detail) string {
	if d == (audit.Detail{}) {
		return ""
	}
	d.Target = storable(d.Target)
	text, _ := json.Marshal(d) // numbers and texts: it cannot fail
	return string(text)
}

// ipKey makes addresses comparable in both databases.
func ipKey(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	b := ip.As16()
	return hex.EncodeToString(b[:])
}

// Prune implements audit.Log.
func (a *Audit) Prune(ctx context.Context, before time.Time) (int, error) {
	return a.db.prune(ctx, `DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < $1 LIMIT $2 + 0)`,
		millis(before), prunedAtOnce)
}
