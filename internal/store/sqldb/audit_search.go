package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"

	"gatehouse/internal/audit"
)

// Search implements audit.Log. It goes down the log from the cursor, so that
// no portion costs more for standing far behind, and new events move nothing.
func (a *Audit) Search(ctx context.Context, query audit.Query) (entries []audit.Entry, next int64, err error) {
	if !askable(query.Text) {
		return nil, 0, nil
	}
	if query.Limit == 0 {
		query.Limit = defaultLimit
	}
	where, args := auditWhere(query)
	args = append(args, query.Limit+1) // one more tells whether anything follows
	err = a.db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
		entries = nil
		return each(ctx, q, func(rows *sql.Rows) error {
			var e audit.Entry
			err := scanEvent(rows, &e.Event, &e.Seq, &e.Username, &e.ActorName)
			entries = append(entries, e)
			return err
		}, selectEvents+`, a.seq, COALESCE(u.username, ''), COALESCE(b.username, '')
			FROM audit a LEFT JOIN users u ON u.id = a.user_id LEFT JOIN users b ON b.id = a.actor
			WHERE `+where+fmt.Sprintf(` ORDER BY a.seq DESC LIMIT $%d`, len(args)), args...)
	})
	if len(entries) > query.Limit {
		entries = entries[:query.Limit]
		next = entries[query.Limit-1].Seq
	}
	return entries, next, err
}

// auditWhere returns the condition of a query and its arguments.
func auditWhere(query audit.Query) (where string, args []any) {
	conditions := []string{"1 = 1"}
	// add fills the placeholders of a condition, each written as "?".
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		conditions = append(conditions, condition)
	}
	if query.Text != "" {
		text := literal(strings.ToLower(query.Text))
		// The accounts are looked up once, not per event.
		add(`(a.user_id IN (SELECT id FROM users WHERE username LIKE ? ESCAPE '\')
			OR a.actor IN (SELECT id FROM users WHERE username LIKE ? ESCAPE '\')
			OR a.ip LIKE ? ESCAPE '\')`, "%"+text+"%", "%"+text+"%", text+"%")
	}
	if query.Account != "" {
		add("(a.user_id = ? OR a.actor = ?)", string(query.Account), string(query.Account))
	}
	if query.Network.IsValid() {
		first, last := networkKeys(query.Network)
		add("(a.ip_key BETWEEN ? AND ? OR a.ip = ?)", first, last, singleAddress(query.Network))
	}
	if len(query.Kinds) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(query.Kinds)), ", ")
		values := make([]any, len(query.Kinds))
		for i, k := range query.Kinds {
			values[i] = string(k)
		}
		add("a.kind IN ("+marks+")", values...)
	}
	if !query.From.IsZero() {
		add("a.at >= ?", millis(query.From))
	}
	if !query.To.IsZero() {
		add("a.at < ?", millis(query.To))
	}
	if query.Before > 0 {
		add("a.seq < ?", query.Before)
	}
	return strings.Join(conditions, " AND "), args
}

// networkKeys returns the first and the last ip_key of a network.
func networkKeys(p netip.Prefix) (first, last string) {
	b := p.Masked().Addr().As16()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	first = ipKey(netip.AddrFrom16(b))
	for i := bits; i < 128; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return first, ipKey(netip.AddrFrom16(b))
}

// singleAddress returns the address of a network of one, or what no address
// is: events from before ip_key are found by their address at least.
func singleAddress(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return "-"
}
