package sqldb_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// The check of a session, on each kind of database.
func BenchmarkFind(b *testing.B) {
	for name, url := range map[string]string{"sqlite": b.TempDir() + "/g.db", "postgres": testenv.Postgres(b)} {
		b.Run(name, func(b *testing.B) {
			db := migrated(b, url)
			u := newUser(b, db, fmt.Sprint("u", time.Now().UnixNano()), user.RoleUser)
			id := start(b, db, u.ID, u.Username).ID
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := db.Sessions().Find(context.Background(), id); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
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
