package sqldb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

func TestPausedPostgresIsUnavailableInTime(t *testing.T) {
	ctx := context.Background()
	server := testenv.PostgresServer(t)
	db := migrated(t, server.URL())
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	reads := map[string]func(context.Context) error{
		"find":      func(ctx context.Context) error { _, err := db.Sessions().Find(ctx, s.ID); return err },
		"by id":     func(ctx context.Context) error { _, err := db.Users().ByID(ctx, u.ID); return err },
		"by login":  func(ctx context.Context) error { _, err := db.Users().ByLogin(ctx, "jun"); return err },
		"list user": func(ctx context.Context) error { _, err := db.Sessions().ListUser(ctx, u.ID, at); return err },
		"recent":    func(ctx context.Context) error { _, err := db.Audit().Recent(ctx, u.ID, 5); return err },
		"ping":      db.Ping,
	}
	slow := func(t *testing.T, limit time.Duration, fn func(context.Context) error) {
		t.Helper()
		inTime(t, limit, func() { wantUnavailable(t, fn(ctx)) })
	}

	server.Pause()
	for name, read := range reads {
		t.Run(name, func(t *testing.T) { slow(t, 400*time.Millisecond, read) })
	}
	t.Run("many at once, more than the pool holds", func(t *testing.T) {
		inTime(t, 600*time.Millisecond, func() {
			var all sync.WaitGroup
			for range 60 {
				all.Go(func() { wantUnavailable(t, reads["find"](ctx)) })
			}
			all.Wait()
		})
	})
	t.Run("write", func(t *testing.T) {
		slow(t, 2300*time.Millisecond, func(ctx context.Context) error { return db.Sessions().Touch(ctx, s, at.Add(time.Minute)) })
	})
	t.Run("transaction", func(t *testing.T) {
		slow(t, 2300*time.Millisecond, func(ctx context.Context) error {
			_, _, err := db.Ledger().RaiseUser(ctx, u.ID, "", forced, at)
			return err
		})
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := db.Sessions().Find(ctx, s.ID)
		if !errors.Is(err, context.Canceled) || errors.Is(err, user.ErrUnavailable) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	t.Run("caller's own deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := db.Sessions().Find(ctx, s.ID); !errors.Is(err, user.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
	t.Run("open", func(t *testing.T) {
		slow(t, 6*time.Second, func(ctx context.Context) error { _, err := sqldb.Open(ctx, server.URL()); return err })
	})

	server.Resume()
	eventually(t, reads["find"])

	server.Kill()
	for name, read := range reads {
		t.Run(name+", server gone", func(t *testing.T) { slow(t, 400*time.Millisecond, read) })
	}
	t.Run("transaction, server gone", func(t *testing.T) {
		slow(t, 2300*time.Millisecond, func(ctx context.Context) error {
			_, _, err := db.Ledger().RaiseUser(ctx, u.ID, "", forced, at)
			return err
		})
	})
	server.Start()
	eventually(t, reads["find"])
	wantReason(t, "after the restart", db, s.ID, "")
}

// inTime fails the test if f never takes at most limit in three tries: other things
// that a busy machine does may make one late, and what waits too long does so every
// time.
func inTime(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	for try := 1; ; try++ {
		begin := time.Now()
		f()
		took := time.Since(begin)
		if took <= limit {
			return
		}
		if try == 3 {
			t.Errorf("took %v, want at most %v", took, limit)
			return
		}
	}
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, user.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

// eventually waits until the database is back, which may take a few tries, and
// never looks like anything but unavailable meanwhile.
func eventually(t *testing.T, fn func(context.Context) error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := fn(context.Background())
		if err == nil {
			return
		}
		if !errors.Is(err, user.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatalf("not back: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// While somebody else holds the file, reads go on and writes say unavailable.
func TestLockedSQLite(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")

	conn, err := rawPool(t, path).Conn(ctx)
	must(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	must(t, err)

	wantReason(t, "while locked", db, s.ID, "")
	for name, write := range map[string]func() error{
		"touch": func() error { return db.Sessions().Touch(ctx, s, at.Add(time.Minute)) },
		"end":   func() error { _, err := db.Sessions().End(ctx, []session.ID{s.ID}, forced, at); return err },
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, 2300*time.Millisecond, func() { wantUnavailable(t, write()) })
		})
	}
	_, err = conn.ExecContext(ctx, "ROLLBACK")
	must(t, err)
	must(t, db.Sessions().Touch(ctx, s, at.Add(time.Minute)))
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data ?#%41")
	path := filepath.Join(dir, "g.db")
	db := migrated(t, path)
	newUser(t, db, "jun", user.RoleUser)
	info, err := os.Stat(dir)
	must(t, err)
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("folder: mode %o", got)
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) < 3 {
		t.Errorf("%d files; want the database, its log and the index of that", len(files))
	}
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: mode %o", f.Name(), got)
		}
	}
}

func TestWrongURLs(t *testing.T) {
	ctx := context.Background()
	if _, err := sqldb.Open(ctx, "postgres://u:secret@127.0.0.1:notaport/x"); err == nil || contains(err, "secret") {
		t.Errorf("malformed URL: %v", err)
	}
	_, err := sqldb.Open(ctx, "postgres://u:secret@127.0.0.1:1/x")
	if !errors.Is(err, user.ErrUnavailable) || contains(err, "secret") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := sqldb.Open(ctx, ""); err == nil {
		t.Error("an empty path was opened")
	}
}
