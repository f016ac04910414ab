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

// The check of a session, on each kind of database, for requests that can be
// cancelled; with the processor time of the whole process, beside what package
// testing measures.
func BenchmarkFind(b *testing.B) {
	sqlite := migrated(b, b.TempDir()+"/g.db")
	must(b, sqlite.WithoutSync(context.Background()))
	inSQLite := startMany(b, sqlite)
	postgres := migrated(b, testenv.Postgres(b))
	inPostgres := startMany(b, postgres)
	for _, row := range []struct {
		name string
		db   *sqldb.DB
		ids  []session.ID
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
				if _, err := row.db.Sessions().Find(ctx, row.ids[i%len(row.ids)]); err != nil {
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

// What /mypage asks of the audit log.
func BenchmarkRecent(b *testing.B) {
	db := migrated(b, b.TempDir()+"/g.db")
	u := newUser(b, db, "kim", user.RoleUser)
	for i := range 30 {
		must(b, db.Audit().Append(context.Background(), audit.Event{At: at.Add(time.Duration(i)), Kind: audit.Login, User: u.ID, Actor: u.ID}))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Audit().Recent(context.Background(), u.ID, 20); err != nil {
			b.Fatal(err)
		}
	}
}
