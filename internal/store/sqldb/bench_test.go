package sqldb_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// The check of a session.
func BenchmarkFind(b *testing.B) {
	benchmarkReads(b, startMany, func(ctx context.Context, db *sqldb.DB, id session.ID) error {
		return second(db.Sessions().Find(ctx, id))
	})
}

// The check of one session after another of many, on SQLite: of more than its
// cache has room for. Read a size at a time (-bench 'Among/200000'): the
// connections of one process share their room.
func BenchmarkFindAmong(b *testing.B) {
	for _, n := range []int{1, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ctx := context.Background()
			path := b.TempDir() + "/g.db"
			db := migrated(b, path)
			must(b, db.WithoutSync(ctx))
			ids := fillSQLite(b, path, n)
			b.ReportAllocs()
			i, began := 0, processorTime(b)
			for b.Loop() {
				must(b, second(db.Shortcut(ctx, ids[i%n])))
				i++
			}
			b.ReportMetric(float64(processorTime(b)-began)/float64(i), "cpu-ns/op")
		})
	}
}

// fillSQLite adds n users with a session each, and returns those in any order.
func fillSQLite(b testing.TB, path string, n int) (ids []session.ID) {
	raw := rawPool(b, path)
	raw.SetMaxOpenConns(1)
	for _, statement := range []string{
		`PRAGMA synchronous = OFF`,
		fmt.Sprintf(`INSERT INTO users (id, username, name, email, email_key, search, role, password_hash, epoch, created_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT hex(randomblob(11)), 'user' || i, 'Name', i || '@example.org', i || '@example.org', 'user' || i, 'user', hex(randomblob(50)), 0, 0 FROM n`, n),
		fmt.Sprintf(`INSERT INTO sessions (id, user_id, username, role, epoch_all, epoch_user, began, last_seen, idle_ms, deadline, remember, ip, browser, os)
			SELECT substr(hex(randomblob(22)), 2), id, username, role, 0, 0, 0, 0, 3600000, %d, 0, '192.0.2.17', 'Firefox 140', 'Linux' FROM users`, at.UnixMilli()),
		`PRAGMA wal_checkpoint(TRUNCATE)`,
	} {
		must(b, second(raw.Exec(statement)))
	}
	rows, err := raw.Query(`SELECT id FROM sessions ORDER BY random()`)
	must(b, err)
	defer rows.Close()
	for rows.Next() {
		var id session.ID
		must(b, rows.Scan(&id))
		ids = append(ids, id)
	}
	must(b, rows.Err())
	return ids
}

// Who somebody is, as /mypage asks.
func BenchmarkByID(b *testing.B) {
	benchmarkReads(b, func(b *testing.B, db *sqldb.DB) (ids []user.ID) {
		for i := range 100 {
			ids = append(ids, newUser(b, db, fmt.Sprint("u", i), user.RoleUser).ID)
		}
		return ids
	}, func(ctx context.Context, db *sqldb.DB, id user.ID) error {
		return second(db.Users().ByID(ctx, id))
	})
}

// What /mypage asks of the audit log.
func BenchmarkRecent(b *testing.B) {
	benchmarkReads(b, func(b *testing.B, db *sqldb.DB) []user.ID {
		id := newUser(b, db, "kim", user.RoleUser).ID
		for i := range 30 {
			must(b, db.Audit().Append(context.Background(), audit.Event{At: at.Add(time.Duration(i)), Kind: audit.Login, User: id, Actor: id}))
		}
		return []user.ID{id}
	}, func(ctx context.Context, db *sqldb.DB, id user.ID) error {
		return second(db.Audit().Recent(ctx, id, 20))
	})
}

// benchmarkReads measures read of what fill has put there, on each kind of
// database, for requests that can be cancelled; with the processor time of the
// whole process, beside what package testing measures.
func benchmarkReads[ID any](b *testing.B, fill func(*testing.B, *sqldb.DB) []ID, read func(context.Context, *sqldb.DB, ID) error) {
	sqlite := migrated(b, b.TempDir()+"/g.db")
	must(b, sqlite.WithoutSync(context.Background()))
	inSQLite := fill(b, sqlite)
	postgres := migrated(b, testenv.Postgres(b))
	inPostgres := fill(b, postgres)
	for _, row := range []struct {
		name string
		db   *sqldb.DB
		ids  []ID
	}{
		{"sqlite", sqlite, inSQLite},
		{"sqlite, the usual way", sqlite.UsualWay(), inSQLite},
		{"postgres", postgres, inPostgres},
	} {
		b.Run(row.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			b.ReportAllocs()
			i, began := 0, processorTime(b)
			for b.Loop() {
				if err := read(ctx, row.db, row.ids[i%len(row.ids)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(processorTime(b)-began)/float64(i), "cpu-ns/op")
		})
	}
}

// startMany starts sessions of a hundred users.
func startMany(b *testing.B, db *sqldb.DB) (ids []session.ID) {
	for i := range 100 {
		name := fmt.Sprint("u", i)
		u := newUser(b, db, name, user.RoleUser)
		ids = append(ids, start(b, db, u.ID, name).ID)
	}
	return ids
}

// processorTime returns what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkRecordEnd1000(b *testing.B) {
	for name, url := range map[string]string{"sqlite": b.TempDir() + "/g.db", "postgres": testenv.Postgres(b)} {
		b.Run(name, func(b *testing.B) {
			db := migrated(b, url)
			ids := make([]session.ID, 1000)
			for i := range ids {
				ids[i] = session.IDOf(fmt.Sprint(i))
			}
			for b.Loop() {
				must(b, second(db.Ledger().RecordEnd(context.Background(), ids, forced, at)))
				_, err := db.Sessions().End(context.Background(), ids, forced, at)
				must(b, err)
			}
		})
	}
}
