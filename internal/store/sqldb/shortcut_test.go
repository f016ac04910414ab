package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// What the shortcut says is what the usual way says, or nothing.
func TestShortcutAgreesWithTheUsualWay(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	raw := rawPool(t, path)
	u := newUser(t, db, "jun", user.RoleAdmin)
	full := session.Session{ID: session.IDOf("full"), User: u.ID, Username: "준", Role: u.Role, Began: at, LastSeen: at.Add(time.Second),
		Idle: time.Hour, Deadline: at.Add(12 * time.Hour), Remember: true, IP: netip.MustParseAddr("2001:db8::1"),
		Device: session.Device{Browser: "Firefox 140", OS: "Linux"}, Client: "clock", Data: []byte("a\x00b")}
	bearer := full
	bearer.ID, bearer.Carrier, bearer.Data = session.IDOf("bearer"), session.Bearer, nil
	bearer.Refresh = session.Refresh{Generation: 7, Rotated: at, Hash: [32]byte{1}, Nonce: [16]byte{2}}
	for _, s := range []session.Session{full, bearer} {
		must(t, db.Sessions().Start(ctx, session.Start{Session: s}))
	}
	ended, torn, newer := start(t, db, u.ID, "ended"), start(t, db, u.ID, "torn"), start(t, db, u.ID, "newer")
	must(t, second(db.Sessions().End(ctx, []session.ID{ended.ID}, session.Why{Reason: session.Logout}, at)))
	set(raw, "ip", "nonsense")(t, torn.ID)
	set(raw, "role", "owner")(t, newer.ID)
	for name, id := range map[string]session.ID{
		"all there is": full.ID, "bearer": bearer.ID, "little": start(t, db, u.ID, "little").ID,
		"ended": ended.ID, "torn": torn.ID, "newer": newer.ID, "nobody's": session.IDOf("nobody"), "none": "",
	} {
		want, wantErr := db.UsualWay().Sessions().Find(ctx, id)
		got, err := db.Shortcut(ctx, id)
		if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %+v, %v; the usual way: %+v, %v", name, got, err, want, wantErr)
		}
	}
	long := session.ID(strings.Repeat("x", 1000))
	if _, err := db.Shortcut(ctx, long); err == nil || errors.Is(err, sql.ErrNoRows) {
		t.Errorf("an id that is too long for it: %v", err)
	}
	wantReason(t, "too long", db, long, session.Expired)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Sessions().Find(cancelled, full.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Each check asks the file: what another process has committed counts for the
// next one.
func TestShortcutSeesOtherProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	for range 3 {
		if _, err := db.Shortcut(context.Background(), s.ID); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RAISE_IN="+path, "RAISE_FOR="+string(u.ID))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantReason(t, "ended from elsewhere", db, s.ID, session.Forced)
}

func raiseAsProcess(path string) int {
	db, err := sqldb.Open(context.Background(), path)
	if err == nil {
		_, _, err = db.Ledger().RaiseUser(context.Background(), user.ID(os.Getenv("RAISE_FOR")), "", forced, at)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return 0
}

// SQLite empties its log when something is committed and nobody reads. One check
// after the other is no reason for it to grow, whoever writes.
func TestChecksLetTheLogBeEmptied(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	must(t, db.WithoutSync(ctx))
	raw := rawPool(t, path) // as good as another process
	must(t, second(raw.Exec("PRAGMA synchronous = OFF")))
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	for who, save := range map[string]func(data []byte) error{
		"this process": func(data []byte) error { return db.Sessions().Save(ctx, s, data, at) },
		"others":       func(data []byte) error { return second(raw.Exec(`UPDATE sessions SET data = $1`, data)) },
	} {
		t.Run(who, func(t *testing.T) {
			must(t, second(raw.Exec("PRAGMA wal_checkpoint(TRUNCATE)")))
			written := whileChecking(t, db, s.ID, save)
			log, err := os.Stat(path + "-wal")
			must(t, err)
			if log.Size() > int64(written)/2 {
				t.Errorf("%d bytes written, and the log has %d", written, log.Size())
			}
		})
	}
}

// whileChecking saves until a hundred megabytes are written, and returns how
// many bytes. Meanwhile the session is checked again and again.
func whileChecking(t *testing.T, db *sqldb.DB, id session.ID, save func(data []byte) error) (written int) {
	var checks sync.WaitGroup
	stop := make(chan struct{})
	checks.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if _, err := db.Sessions().Find(context.Background(), id); err != nil {
					t.Error(err)
				}
			}
		}
	})
	defer checks.Wait()
	defer close(stop)
	data := make([]byte, 64<<10)
	for written < 100<<20 {
		for page := range len(data) / 4096 {
			data[page*4096]++ // SQLite writes no page that is as it was
		}
		must(t, save(data))
		written += len(data)
	}
	return written
}

// A read transaction that stayed open would keep others from emptying the log.
func TestShortcutEndsItsTransactions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	raw := rawPool(t, path) // waits for 5 s
	for _, id := range []session.ID{s.ID, session.IDOf("nobody")} {
		must(t, second(raw.Exec(`UPDATE users SET name = 'something for the log'`)))
		wantReason(t, "before", db, s.ID, "")
		reason(t, db, id)
		var blocked, inLog, copied int
		must(t, raw.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&blocked, &inLog, &copied))
		if blocked != 0 {
			t.Errorf("after a look for %s the log cannot be emptied", id)
		}
	}
}

func TestShortcutComesBackAfterAFailure(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	raw := rawPool(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	for range 3 {
		must(t, second(db.Shortcut(ctx, s.ID)))
		must(t, second(raw.Exec(`ALTER TABLE sessions RENAME TO away`)))
		var ended *session.EndedError
		if _, err := db.Sessions().Find(ctx, s.ID); err == nil || errors.As(err, &ended) {
			t.Errorf("without a table: %v", err)
		}
		must(t, second(raw.Exec(`ALTER TABLE away RENAME TO sessions`)))
	}
	must(t, second(db.Shortcut(ctx, s.ID)))
}

// More callers than connections, and the end of the database among them.
func TestShortcutInACrowd(t *testing.T) {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, filepath.Join(t.TempDir(), "g.db"))
	must(t, err)
	must(t, second(db.Migrate(ctx)))
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	var crowd sync.WaitGroup
	var closed sync.WaitGroup
	closed.Add(1)
	for range 50 {
		crowd.Go(func() {
			for range 100 {
				if got, err := db.Sessions().Find(ctx, s.ID); err != nil || got.ID != s.ID {
					t.Errorf("%+v, %v", got, err)
				}
			}
			closed.Wait()
		})
	}
	crowd.Go(func() {
		for i := range 20 {
			must(t, db.Sessions().Touch(ctx, s, at.Add(time.Duration(i)*time.Minute)))
		}
	})
	// Some still ask while it closes.
	late := make(chan error)
	go func() {
		for {
			if _, err := db.Sessions().Find(ctx, s.ID); err != nil {
				late <- err
				return
			}
		}
	}()
	closed.Done()
	crowd.Wait()
	must(t, db.Close())
	var ended *session.EndedError
	if err := <-late; errors.As(err, &ended) {
		t.Errorf("closed: %v", err)
	}
}
