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

	"gatehouse/internal/audit"
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

// The check looks up a row of sessions by key, and of users nothing but an index;
// events come in their order and need not be sorted.
func TestShortcutPlans(t *testing.T) {
	db := migrated(t, filepath.Join(t.TempDir(), "g.db"))
	check, events, list, err := db.ShortcutPlans(context.Background())
	must(t, err)
	for _, want := range []string{"sessions USING PRIMARY KEY (id=?)", "users USING COVERING INDEX users_epoch (id=?)"} {
		if !strings.Contains(check, want) {
			t.Errorf("no %q in:\n%s", want, check)
		}
	}
	if !strings.Contains(events, "MERGE") || !strings.Contains(events, "audit_user") || strings.Contains(events, "TEMP B-TREE") {
		t.Errorf("events:\n%s", events)
	}
	for _, want := range []string{"sessions USING INDEX sessions_user (user_id=?)", "users USING COVERING INDEX users_epoch (id=?)"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in:\n%s", want, list)
		}
	}
}

// Each read asks the file: what another process has committed counts for the
// next one.
func TestShortcutSeesOtherProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	ctx := context.Background()
	for range 3 {
		must(t, second(db.Shortcut(ctx, s.ID)))
		must(t, second(db.ShortcutUser(ctx, u.ID)))
		must(t, second(db.ShortcutRecent(ctx, u.ID, 20)))
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RAISE_IN="+path, "RAISE_FOR="+string(u.ID))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantReason(t, "ended from elsewhere", db, s.ID, session.Forced)
	if now, err := db.ShortcutUser(ctx, u.ID); err != nil || now.Epoch.User != u.Epoch.User+1 {
		t.Errorf("raised from elsewhere: %+v, %v", now, err)
	}
	if events, err := db.ShortcutRecent(ctx, u.ID, 20); err != nil || len(events) != 1 {
		t.Errorf("told from elsewhere: %+v, %v", events, err)
	}
}

func raiseAsProcess(path string) int {
	ctx, u := context.Background(), user.ID(os.Getenv("RAISE_FOR"))
	db, err := sqldb.Open(ctx, path)
	if err == nil {
		_, _, err = db.Ledger().RaiseUser(ctx, u, "", forced, at)
	}
	if err == nil {
		err = db.Audit().Append(ctx, audit.Event{At: at, Kind: audit.SessionsEnded, User: u})
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return 0
}

// readAll is what comes with a request: a check, and what /mypage asks.
func readAll(db *sqldb.DB, s session.Session) error {
	ctx := context.Background()
	_, err := db.Sessions().Find(ctx, s.ID)
	_, err2 := db.Users().ByID(ctx, s.User)
	_, err3 := db.Audit().Recent(ctx, s.User, 1)
	return errors.Join(err, err2, err3)
}

// SQLite empties its log when something is committed and nobody reads. One read
// after the other is no reason for it to grow, whoever writes.
func TestReadsLetTheLogBeEmptied(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	must(t, db.WithoutSync(ctx))
	raw := rawPool(t, path) // as good as another process
	must(t, second(raw.Exec("PRAGMA synchronous = OFF")))
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	must(t, db.Audit().Append(ctx, audit.Event{At: at, Kind: audit.Login, User: u.ID}))
	for who, save := range map[string]func(data []byte) error{
		"this process": func(data []byte) error { return db.Sessions().Save(ctx, s, data, at) },
		"others":       func(data []byte) error { return second(raw.Exec(`UPDATE sessions SET data = $1`, data)) },
	} {
		t.Run(who, func(t *testing.T) {
			must(t, second(raw.Exec("PRAGMA wal_checkpoint(TRUNCATE)")))
			written := whileReading(t, db, s, save)
			log, err := os.Stat(path + "-wal")
			must(t, err)
			if log.Size() > int64(written)/2 {
				t.Errorf("%d bytes written, and the log has %d", written, log.Size())
			}
		})
	}
}

// whileReading saves until a hundred megabytes are written, and returns how
// many bytes. Meanwhile all that a request reads is read again and again.
func whileReading(t *testing.T, db *sqldb.DB, s session.Session, save func(data []byte) error) (written int) {
	var reads sync.WaitGroup
	stop := make(chan struct{})
	reads.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if err := readAll(db, s); err != nil {
					t.Error(err)
				}
			}
		}
	})
	defer reads.Wait()
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
	ctx := context.Background()
	for range 3 {
		must(t, db.Audit().Append(ctx, audit.Event{At: at, Kind: audit.Login, User: u.ID}))
	}
	for what, look := range map[string]func() error{
		"a session":          func() error { return second(db.Shortcut(ctx, s.ID)) },
		"nobody's session":   func() error { return second(db.Shortcut(ctx, session.IDOf("nobody"))) },
		"a user":             func() error { return second(db.ShortcutUser(ctx, u.ID)) },
		"nobody":             func() error { return second(db.ShortcutUser(ctx, user.NewID())) },
		"some of the events": func() error { return second(db.ShortcutRecent(ctx, u.ID, 2)) },
		"all events":         func() error { return second(db.ShortcutRecent(ctx, u.ID, 20)) },
		"a list":             func() error { return second(db.ShortcutList(ctx, u.ID, at)) },
	} {
		must(t, second(raw.Exec(`UPDATE users SET name = 'something for the log'`)))
		wantReason(t, "before", db, s.ID, "")
		var ended *session.EndedError
		if err := look(); err != nil && !errors.Is(err, sql.ErrNoRows) && !errors.As(err, &ended) {
			t.Errorf("%s: %v", what, err)
		}
		var blocked, inLog, copied int
		must(t, raw.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&blocked, &inLog, &copied))
		if blocked != 0 {
			t.Errorf("after a look for %s the log cannot be emptied", what)
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
	must(t, db.Audit().Append(ctx, audit.Event{At: at, Kind: audit.Login, User: u.ID}))
	shortcuts := func() error {
		_, err := db.ShortcutUser(ctx, u.ID)
		_, err2 := db.ShortcutRecent(ctx, u.ID, 1)
		return errors.Join(err, err2, second(db.ShortcutList(ctx, u.ID, at)), second(db.Shortcut(ctx, s.ID)))
	}
	for _, read := range []struct {
		table string
		fails func() error
	}{
		{"sessions", func() error { return second(db.Sessions().Find(ctx, s.ID)) }},
		{"sessions", func() error { return second(db.Sessions().ListUser(ctx, u.ID, at)) }},
		{"users", func() error { return second(db.Users().ByID(ctx, u.ID)) }},
		{"audit", func() error { return second(db.Audit().Recent(ctx, u.ID, 20)) }},
	} {
		for range 3 {
			must(t, shortcuts())
			must(t, second(raw.Exec(`ALTER TABLE `+read.table+` RENAME TO away`)))
			var ended *session.EndedError
			if err := read.fails(); err == nil || errors.As(err, &ended) || errors.Is(err, user.ErrNotFound) {
				t.Errorf("without the table %s: %v", read.table, err)
			}
			must(t, second(raw.Exec(`ALTER TABLE away RENAME TO `+read.table)))
		}
	}
	must(t, shortcuts())
}

// More callers than connections, and the end of the database among them.
func TestShortcutInACrowd(t *testing.T) {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, filepath.Join(t.TempDir(), "g.db"))
	must(t, err)
	must(t, second(db.Migrate(ctx)))
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	must(t, db.Audit().Append(ctx, audit.Event{At: at, Kind: audit.Login, User: u.ID}))
	var crowd sync.WaitGroup
	var closed sync.WaitGroup
	closed.Add(1)
	for range 50 {
		crowd.Go(func() {
			for range 100 {
				if got, err := db.Sessions().Find(ctx, s.ID); err != nil || got.ID != s.ID {
					t.Errorf("%+v, %v", got, err)
				}
				if got, err := db.Users().ByID(ctx, u.ID); err != nil || got != u {
					t.Errorf("%+v, %v", got, err)
				}
				if got, err := db.Audit().Recent(ctx, u.ID, 20); err != nil || len(got) != 1 {
					t.Errorf("%+v, %v", got, err)
				}
				if got, err := db.Sessions().ListUser(ctx, u.ID, at); err != nil || len(got) != 1 {
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
