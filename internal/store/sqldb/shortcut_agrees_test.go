package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Users with all there is, with nothing, and with what only somebody in SQL writes.
func TestShortcutAgreesOnUsers(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	raw := rawPool(t, path)
	ids := map[string]user.ID{"nobody's": user.NewID(), "none": "", "with a NUL": "a\x00b", "no text": "a\xff", "too long": user.ID(strings.Repeat("x", 1000))}
	full := user.User{ID: user.NewID(), Username: "jun", Name: "준 ☕ 박", Email: "Jun@Example.org", Role: user.RoleAdmin, PasswordHash: "$argon2id$" + strings.Repeat("x", 5000),
		CreatedAt: at.Add(123 * time.Millisecond), DisabledAt: at.Add(time.Hour)}
	must(t, db.Users().Create(ctx, full))
	ids["all there is"] = full.ID
	must(t, second(raw.Exec(`UPDATE everyone SET epoch = 4294967295`)))
	for name, change := range map[string]string{
		"little":                 `name = ''`,
		"epoch":                  `epoch = 4294967295`,
		"epoch out of range":     `epoch = 4294967296`,
		"epoch below zero":       `epoch = -1`,
		"disabled at the start":  `disabled_at = 0`,
		"long before the start":  `created_at = -62135596800001, disabled_at = -1`,
		"not disabled any more":  `disabled_at = NULL`,
		"a NUL":                  `name = 'a' || char(0) || 'b'`,
		"nothing":                `name = '', email = '', password_hash = '', role = ''`,
		"a role of the future":   `role = 'owner'`,
		"bytes that are no text": `name = CAST(x'ff00fe' AS TEXT)`,
	} {
		u := newUser(t, db, strings.ReplaceAll(name, " ", "-"), user.RoleUser)
		must(t, second(raw.Exec(`UPDATE users SET `+change+` WHERE id = $1`, string(u.ID))))
		ids[name] = u.ID
	}
	for name, id := range ids {
		want, wantErr := db.UsualWay().Users().ByID(ctx, id)
		got, err := db.Users().ByID(ctx, id)
		if err == nil && got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %+v, %v; the usual way: %+v, %v", name, got, err, want, wantErr)
		}
		direct, err := db.ShortcutUser(ctx, id)
		answers := err == nil || errors.Is(err, sql.ErrNoRows)
		if unusual := strings.Contains(name, "out of") || strings.Contains(name, "below") || name == "too long"; answers == unusual {
			t.Errorf("%s: the shortcut says %v", name, err)
		}
		if err == nil && direct != want {
			t.Errorf("%s: the shortcut says %+v; the usual way %+v", name, direct, want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Users().ByID(cancelled, full.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestShortcutAgreesOnRecentEvents(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	raw := rawPool(t, path)
	jun, kim, few := user.NewID(), user.NewID(), user.NewID()
	full := audit.Event{At: at.Add(123 * time.Millisecond), Kind: audit.SessionEnded, User: jun, Actor: kim, IP: netip.MustParseAddr("2001:db8::1"),
		Device: "Firefox · Linux", Note: "왜 ☕", Detail: audit.Detail{Ended: 3, Partial: true, Target: "Chrome \"x\" <y>", Room: audit.RoomOldest}}
	events := []audit.Event{full, {Kind: audit.Login, User: few}}
	for range 15 { // many at once, so that their numbers decide
		events = append(events, audit.Event{At: at, Kind: audit.Login, User: jun, Actor: jun, Note: fmt.Sprint(len(events))}, audit.Event{At: at, Kind: audit.LoginFailed})
	}
	for i := range 3 {
		events = append(events, audit.Event{At: at.Add(time.Duration(i) * time.Hour), Kind: audit.EveryoneEnded, Actor: kim}, full)
	}
	for _, change := range []string{
		`ip = 'nonsense'`, `ip = 'fe80::1%eth0'`, `detail = '{'`, `detail = 'null'`, `detail = '{"ended":3,"target":7}'`, `detail = '{"later":1,"ended":5}'`,
		`at = 0`, `at = -1`, `kind = ''`, `kind = 'later'`, `actor = '*'`, `note = 'a' || char(0)`, `device = CAST(x'ff00fe' AS TEXT)`,
	} {
		must(t, db.Audit().Append(ctx, full))
		must(t, second(raw.Exec(`UPDATE audit SET `+change+` WHERE seq = (SELECT MAX(seq) FROM audit)`)))
	}
	for _, e := range events {
		must(t, db.Audit().Append(ctx, e))
	}
	for who, u := range map[string]user.ID{
		"jun": jun, "who has no events": kim, "who has few": few, "nobody": "", "everyone": "*", "no text": "a\xff", "a NUL": "a\x00",
	} {
		for _, limit := range []int{0, 1, 2, 3, 4, 7, 20, 1000, -1} {
			want, err := db.UsualWay().Audit().Recent(ctx, u, limit)
			must(t, err)
			got, err := db.ShortcutRecent(ctx, u, limit)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, at most %d: %+v, %v; the usual way: %+v", who, limit, got, err, want)
			}
		}
	}
	long := user.ID(strings.Repeat("x", 1000))
	if _, err := db.ShortcutRecent(ctx, long, 20); err == nil {
		t.Error("an id that is too long for it")
	}
	if got, err := db.Audit().Recent(ctx, long, 20); err != nil || len(got) != 3 {
		t.Errorf("too long: %+v, %v; want what hit everyone", got, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Audit().Recent(cancelled, jun, 20); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Lists of all that a session can be, with deadlines on both sides of the moment.
func TestShortcutAgreesOnLists(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	raw := rawPool(t, path)
	jun, kim, put := newUser(t, db, "jun", user.RoleAdmin), newUser(t, db, "kim", user.RoleUser), newUser(t, db, "put", user.RoleUser)
	for i := range 20 {
		id := start(t, db, jun.ID, fmt.Sprint(i)).ID
		must(t, second(raw.Exec(`UPDATE sessions SET last_seen = last_seen + $1, deadline = deadline - $2 WHERE id = $3`, i/2*1000, i%3*3_600_000*6, string(id))))
	}
	start(t, db, kim.ID, "kim")
	start(t, db, put.ID, "put")
	bearer := session.Session{ID: session.IDOf("bearer"), User: jun.ID, Username: "준", Role: jun.Role, Began: at, LastSeen: at.Add(time.Second),
		Idle: time.Hour, Deadline: at.Add(12 * time.Hour), IP: netip.MustParseAddr("2001:db8::1"), Device: session.Device{Browser: "Firefox 140", OS: "Linux"},
		Client: "clock", Carrier: session.Bearer, Refresh: session.Refresh{Generation: 7, Rotated: at, Hash: [32]byte{1}, Nonce: [16]byte{2}}}
	must(t, db.Sessions().Start(ctx, session.Start{Session: bearer}))
	must(t, second(db.Sessions().End(ctx, []session.ID{session.IDOf("3")}, session.Why{Reason: session.Logout}, at)))
	set(raw, "ip", "nonsense")(t, session.IDOf("4"))
	must(t, second(raw.Exec(`UPDATE sessions SET epoch_user = -1 WHERE id = $1`, string(session.IDOf("5")))))
	must(t, second(raw.Exec(`UPDATE users SET epoch = epoch + 1 WHERE id = $1`, string(put.ID))))
	for who, u := range map[string]user.ID{"jun": jun.ID, "kim": kim.ID, "who was put out": put.ID, "nobody": "", "no text": "a\xff", "a NUL": "a\x00"} {
		for _, after := range []time.Duration{-time.Hour, 0, 30 * time.Minute, time.Hour, time.Hour + 3*time.Second, 13 * time.Hour} {
			want, err := db.UsualWay().Sessions().ListUser(ctx, u, at.Add(after))
			must(t, err)
			got, err := db.ShortcutList(ctx, u, at.Add(after))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, after %v: %+v, %v; the usual way: %+v", who, after, got, err, want)
			}
			if who == "jun" && after == 0 && len(got) < 10 {
				t.Errorf("%d sessions", len(got))
			}
		}
	}
	long := user.ID(strings.Repeat("x", 1000))
	if _, err := db.ShortcutList(ctx, long, at); err == nil {
		t.Error("an id that is too long for it")
	}
	if got, err := db.Sessions().ListUser(ctx, long, at); err != nil || len(got) != 0 {
		t.Errorf("too long: %+v, %v", got, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Sessions().ListUser(cancelled, jun.ID, at); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What has been committed counts for the next read, whichever reads linger.
func TestShortcutSeesWhatWasJustWritten(t *testing.T) {
	ctx := context.Background()
	db := migrated(t, filepath.Join(t.TempDir(), "g.db"))
	must(t, db.WithoutSync(ctx))
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	for i := range 50 {
		must(t, second(db.Shortcut(ctx, s.ID)))
		must(t, db.Audit().Append(ctx, audit.Event{At: at, Kind: audit.Login, User: u.ID, Note: fmt.Sprint(i)}))
		if events, err := db.ShortcutRecent(ctx, u.ID, 1+i%2); err != nil || len(events) == 0 || events[0].Note != fmt.Sprint(i) {
			t.Fatalf("event %d: %+v, %v", i, events, err)
		}
		hash := fmt.Sprint("hash ", i)
		must(t, db.Users().Rehash(ctx, u.ID, u.PasswordHash, hash))
		u.PasswordHash = hash
		if now, err := db.ShortcutUser(ctx, u.ID); err != nil || now != u {
			t.Fatalf("%+v, %v; want %+v", now, err, u)
		}
	}
}
