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

// A read transaction left open would keep SQLite from ever emptying its log.
func TestShortcutLeavesNoTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	for _, id := range []session.ID{s.ID, session.IDOf("nobody")} {
		wantReason(t, "before", db, s.ID, "")
		reason(t, db, id)
		start(t, db, u.ID, "after "+string(id)) // something for the log
		var blocked, inLog, copied int
		must(t, rawPool(t, path).QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&blocked, &inLog, &copied))
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
