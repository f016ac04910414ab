package redisdb_test

import (
	"context"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// inspected is a store with sessions of all sorts in it: live, ended, renewed,
// touched, expired, and of a user who has been put out.
type inspected struct {
	*testing.T
	store *redisdb.Store
	raw   redis.Conn
	live  []session.Session
}

func newInspected(t *testing.T) *inspected {
	url := testenv.SharedRedis(t)
	store := redisdb.Open(url, longest)
	t.Cleanup(func() { store.Close() })
	raw, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	i := &inspected{T: t, store: store, raw: raw}
	ctx, now := context.Background(), time.Now()
	why := session.Why{Reason: session.Forced}
	limits := session.Limits{Idle: time.Hour, Lifetime: 12 * time.Hour, RememberIdle: 24 * time.Hour, RememberLifetime: 48 * time.Hour}
	m := session.NewManager(store, nil, limits, time.Now)
	start := func(u user.User, name string, remember bool) session.Session {
		s, err := m.Start(ctx, session.IDOf(name), session.New{User: u, Remember: remember}, nil)
		must(t, err)
		return s
	}
	for _, name := range []string{"mina", "joon", "sora"} {
		u := user.User{ID: user.NewID(), Username: name}
		i.live = append(i.live, start(u, name+" laptop", false), start(u, name+" phone", true))
		gone := start(u, name+" tablet", false)
		_, err := store.End(ctx, []session.ID{gone.ID}, why, now)
		must(t, err)
	}
	must(t, store.Touch(ctx, i.live[0], now.Add(30*time.Minute)))
	next := i.live[1]
	next.ID = session.IDOf("mina phone, renewed")
	must(t, store.Renew(ctx, i.live[1], next))
	i.live[1] = next
	out := user.User{ID: user.NewID(), Username: "minsu"}
	start(out, "minsu laptop", false)
	_, err = store.EndUser(ctx, out.ID, user.Epoch{User: 1}, "", why, now)
	must(t, err)
	short := session.NewManager(store, nil, session.Limits{Idle: 5 * time.Millisecond, Lifetime: time.Hour}, time.Now)
	brief, err := short.Start(ctx, session.IDOf("brief"), session.New{User: user.User{ID: user.NewID(), Username: "jisu"}}, nil)
	must(t, err)
	for {
		if _, err := store.Find(ctx, brief.ID); err != nil {
			break
		}
	}
	return i
}

// do sends a command behind the store's back.
func (i *inspected) do(words ...any) {
	i.Helper()
	_, err := i.raw.Do(words[0].(string), words[1:]...)
	must(i, err)
}

func TestInspectSound(t *testing.T) {
	i := newInspected(t)
	got, err := i.store.Inspect(context.Background())
	must(t, err)
	if got.Flawed != 0 || got.Sessions != len(i.live) || got.Indexed != len(i.live) || got.Indexes != 4 ||
		got.Lapsed != 1 || got.Tombstones != 5 || got.Unreadable != 0 {
		t.Errorf("%+v, want %d sessions of 3 users, a lapsed entry of a fourth, 5 tombstones and no flaw", got, len(i.live))
	}
}

// Each flaw is made once, behind the store's back, and has to be found.
func TestInspectFindsFlaws(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*inspected, session.Session)
		want  string
	}{
		"record lost": {func(i *inspected, s session.Session) { i.do("DEL", redisdb.SessionKey(s.ID)) }, redisdb.FlawNoRecord},
		"entry lost": {func(i *inspected, s session.Session) {
			i.do("ZREM", redisdb.IndexKey(s.User), redisdb.Member(s.ID))
		}, redisdb.FlawNoEntry},
		"entry that goes early": {func(i *inspected, s session.Session) {
			i.do("ZADD", redisdb.IndexKey(s.User), time.Now().Add(time.Minute).Unix(), redisdb.Member(s.ID))
		}, redisdb.FlawEarly},
		"index that goes early": {func(i *inspected, s session.Session) {
			i.do("PEXPIRE", redisdb.IndexKey(s.User), 60_000)
		}, redisdb.FlawEarly},
		"entry of somebody else": {func(i *inspected, s session.Session) {
			i.do("ZADD", redisdb.IndexKey(i.live[4].User), s.Ends().Unix()+1, redisdb.Member(s.ID))
		}, redisdb.FlawOwner},
		"eternal record":    {func(i *inspected, s session.Session) { i.do("PERSIST", redisdb.SessionKey(s.ID)) }, redisdb.FlawEternal},
		"eternal index":     {func(i *inspected, s session.Session) { i.do("PERSIST", redisdb.IndexKey(s.User)) }, redisdb.FlawEternal},
		"eternal tombstone": {func(i *inspected, s session.Session) { i.do("SET", "x:"+string(s.ID), "forced") }, redisdb.FlawEternal},
		"eternal epoch":     {func(i *inspected, s session.Session) { i.do("SET", "e:"+string(s.User), "1") }, redisdb.FlawEternal},
		"eternal limit":     {func(i *inspected, _ session.Session) { i.do("SET", "r:login:1", "1") }, redisdb.FlawEternal},
		"key of a stranger": {func(i *inspected, _ session.Session) { i.do("SET", "stray", "1", "EX", "60") }, redisdb.FlawForeign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInspected(t)
			c.spoil(i, i.live[1])
			got, err := i.store.Inspect(context.Background())
			must(t, err)
			found := false
			for _, f := range got.Flaws {
				if f.What != c.want {
					t.Errorf("found %q at %s too", f.What, f.Key)
				}
				found = found || f.What == c.want
			}
			if !found {
				t.Errorf("%q was not found: %+v", c.want, got)
			}
		})
	}
}

// What comes and goes while it looks is no flaw.
func TestInspectUnderLoad(t *testing.T) {
	i := newInspected(t)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m := session.NewManager(i.store, nil, session.Limits{Idle: time.Hour, Lifetime: time.Hour}, time.Now)
		u := user.User{ID: user.NewID(), Username: "haneul"}
		for n := 0; ctx.Err() == nil; n++ {
			s, err := m.Start(ctx, session.IDOf(time.Now().String()), session.New{User: u}, nil)
			if err != nil {
				continue
			}
			_ = i.store.Touch(ctx, s, time.Now().Add(time.Minute))
			_, _ = i.store.End(ctx, []session.ID{s.ID}, session.Why{Reason: session.Logout}, time.Now())
		}
	}()
	for range 50 {
		got, err := i.store.Inspect(context.Background())
		must(t, err)
		if got.Flawed != 0 {
			t.Errorf("%+v", got)
			break
		}
	}
	stop()
	<-done
}
