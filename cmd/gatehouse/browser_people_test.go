package main

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// person is an account with a past.
type person struct {
	username, name, email string
	joined                time.Duration // ago
	admin, disabled       bool
	devices               []device
	activity              []activity // newest first
}

// device is where a person is logged in.
type device struct {
	browser, os, ip string
	began, seen     time.Duration // ago
	remember        bool
}

// activity is what has happened to a person's account.
type activity struct {
	kind    audit.Kind
	ago     time.Duration
	browser string
	ip      string
	note    string
	byAdmin bool
}

const day = 24 * time.Hour

// townsfolk are the people of the pictures in the README: enough of them, and
// different enough, to show what the pages do with real life. Addresses are
// those set aside for documentation.
func townsfolk() []person {
	return []person{
		{username: "soyeon", name: "Soyeon Park", email: "soyeon@example.com", joined: 212 * day, admin: true},
		{username: "mina", name: "Mina Kim", email: "mina.kim@example.com", joined: 97 * day,
			devices: []device{
				{"KakaoTalk", "Android", "198.51.100.23", 4 * time.Hour, 26 * time.Minute, true},
				{"Safari", "iPadOS", "2001:db8:41:7::1c2a", 6 * day, 19 * time.Hour, true},
			},
			activity: []activity{
				{kind: audit.LoginFailed, ago: 50 * time.Minute, browser: "Firefox · Linux", ip: "203.0.113.201"},
				{kind: audit.Login, ago: 4 * time.Hour, browser: "KakaoTalk · Android", ip: "198.51.100.23"},
				{kind: audit.SessionEnded, ago: 2 * day, browser: "Chrome · Windows", ip: "192.0.2.44", note: "Laptop left on the train", byAdmin: true},
				{kind: audit.Login, ago: 6 * day, browser: "Safari · iPadOS", ip: "2001:db8:41:7::1c2a"},
				{kind: audit.PasswordChange, ago: 31 * day, browser: "Chrome · Windows", ip: "192.0.2.44"},
				{kind: audit.SignUp, ago: 97 * day, browser: "Chrome · Windows", ip: "192.0.2.44"},
			}},
		{username: "junho.lee", name: "이준호", email: "junho.lee@example.com", joined: 55 * day,
			devices: []device{{"Whale", "Windows", "203.0.113.9", 2 * time.Hour, 3 * time.Minute, false}}},
		{username: "amelie", name: "Amélie Dubois", joined: 41 * day,
			devices: []device{{"Firefox", "Linux", "192.0.2.118", 5 * time.Hour, 8 * time.Minute, false}}},
		{username: "haruto", name: "佐藤 陽翔", email: "haruto@example.net", joined: 18 * day,
			devices: []device{{"Samsung Internet", "Android", "198.51.100.77", 11 * day, 41 * time.Minute, true}}},
		{username: "deploy-bot", joined: 130 * day,
			devices: []device{{"curl", "", "2001:db8::10", 70 * time.Minute, 12 * time.Minute, false}}},
		{username: "konstantinos.papadopoulos-vanden", name: "Konstantinos Papadopoulos-Vandenberghe",
			email: "konstantinos.papadopoulos-vandenberghe@subdomain.example.org", joined: 9 * day,
			devices: []device{{"Edge", "Windows", "2001:db8:5:12::9a", 3 * day, 2 * time.Hour, true}}},
		{username: "yuna", name: "최유나", email: "yuna@example.com", joined: 3 * day,
			devices: []device{{"NAVER", "iOS", "203.0.113.154", 26 * time.Hour, 5 * time.Hour, true}}},
		{username: "former", name: "Robin Former", email: "robin@example.com", joined: 300 * day, disabled: true},
	}
}

// crowd are many people, for lists of several pages.
func crowd(n int) []person {
	var all []person
	for i := range n {
		all = append(all, person{
			username: fmt.Sprintf("user%03d", i), joined: time.Duration(i) * day,
			devices: []device{{"Chrome", "Windows", fmt.Sprintf("2001:db8:ffff:1234:5678:9abc:def0:%x", 0x1000+i), time.Hour, time.Minute, true}},
		})
	}
	return all
}

// settle puts people into the stores of s, which no node serves yet. Their
// password is password.
func settle(t testing.TB, s settings, people []person) {
	t.Helper()
	now := time.Now()
	stores, err := openStores(t.Context(), config.StoreConfig{
		DataDir:  s["GATEHOUSE_DATA_DIR"],
		RedisURL: config.NewSecret(s["GATEHOUSE_REDIS_URL"]),
	}, month)
	check(t, err)
	defer func() { check(t, stores.Close()) }()
	_, err = stores.db.Migrate(t.Context())
	check(t, err)
	hasher, err := user.NewHasher(user.HasherConfig{})
	check(t, err)
	hash, err := hasher.Hash(t.Context(), password)
	check(t, err)
	admin := user.NewID()
	for _, p := range people {
		u := user.User{
			ID: user.NewID(), Username: p.username, Name: p.name, Email: p.email, Role: user.RoleUser,
			PasswordHash: hash, CreatedAt: now.Add(-p.joined),
		}
		if p.admin {
			u.Role, u.ID = user.RoleAdmin, admin
		}
		check(t, stores.db.Users().Create(t.Context(), u))
		if p.disabled {
			_, err := stores.db.Users().Disable(t.Context(), u.ID, user.Change{Actor: admin, At: now})
			check(t, err)
		}
		live(t, stores, u, p, now)
		for _, a := range p.activity {
			e := audit.Event{At: now.Add(-a.ago), Kind: a.kind, User: u.ID, Actor: u.ID,
				IP: netip.MustParseAddr(a.ip), Device: a.browser, Note: a.note}
			if a.byAdmin {
				e.Actor = admin
			}
			check(t, stores.db.Audit().Append(t.Context(), e))
		}
	}
}

const month = 30 * day

// live lets u log in on the devices of p, and be active there until last seen.
func live(t testing.TB, s *stores, u user.User, p person, now time.Time) {
	t.Helper()
	u, err := s.db.Users().ByID(t.Context(), u.ID) // with its epoch
	check(t, err)
	clock := now
	m := session.NewManager(s.sessions, s.db.Ledger(), session.Limits{
		Idle: time.Hour, Lifetime: 12 * time.Hour, RememberIdle: 14 * day, RememberLifetime: month,
	}, func() time.Time { return clock })
	for i, d := range p.devices {
		clock = now.Add(-d.began)
		one, err := m.Start(t.Context(), session.IDOf(fmt.Sprint(p.username, i)), session.New{
			User: u, Remember: d.remember, IP: netip.MustParseAddr(d.ip),
			Device: session.Device{Browser: d.browser, OS: d.os},
		}, nil)
		check(t, err)
		// Seen often enough not to run out on the way.
		for end := now.Add(-d.seen); clock.Before(end); {
			clock = clock.Add(min(one.Idle/2, end.Sub(clock)))
			check(t, s.sessions.Touch(t.Context(), one, clock))
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
