package sqldb_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/store/storetest"
)

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunSessions(t, func(t *testing.T) storetest.Sessions {
			db, url := open(t)
			raw := rawPool(t, url)
			return storetest.Sessions{
				Store:   db.Sessions(),
				Events:  db.Sessions(),
				Ledger:  db.Ledger(),
				Users:   db.Users(),
				Corrupt: set(raw, "ip", "nonsense"),
				Newer:   set(raw, "role", "owner"), // a role of a later version
				Dump:    func(t *testing.T) []byte { return dump(t, raw) },
			}
		})
	})
}

// rawPool is what an operator has: SQL, beside the program.
func rawPool(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(url, "postgres://") {
		driver = "pgx"
	} else {
		url += "?_pragma=busy_timeout(5000)"
	}
	pool, err := sql.Open(driver, url)
	must(t, err)
	t.Cleanup(func() { pool.Close() })
	return pool
}

func set(pool *sql.DB, column, value string) func(*testing.T, session.ID) {
	return func(t *testing.T, id session.ID) {
		t.Helper()
		r, err := pool.Exec(`UPDATE sessions SET `+column+` = $1 WHERE id = $2`, value, string(id))
		must(t, err)
		if n, _ := r.RowsAffected(); n != 1 {
			t.Fatalf("damaged %d rows", n)
		}
	}
}

// dump returns every value of every table.
func dump(t *testing.T, pool *sql.DB) []byte {
	var out bytes.Buffer
	for _, table := range []string{"everyone", "turns", "users", "setup_codes", "ends", "sessions", "audit", "settings"} {
		rows, err := pool.QueryContext(context.Background(), "SELECT * FROM "+table)
		must(t, err)
		columns, err := rows.Columns()
		must(t, err)
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			must(t, rows.Scan(into...))
			for _, v := range values {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				fmt.Fprintf(&out, "%v\x00", v)
			}
		}
		must(t, rows.Err())
	}
	return out.Bytes()
}
