package storetest

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/internal/audit"
	"gatehouse/internal/user"
)

// RunAudit holds a backend to the contract of audit.Log. open is called once
// per test and returns an empty log and the accounts beside it.
func RunAudit(t *testing.T, open func(t *testing.T) (audit.Log, user.Store)) {
	log := func(t *testing.T) audit.Log {
		log, _ := open(t)
		return log
	}
	t.Run("EventsComeBackNewestFirst", func(t *testing.T) { eventsComeBack(t, log(t)) })
	t.Run("EveryoneIsToldOfAnEndOfEveryone", func(t *testing.T) { everyoneIsTold(t, log(t)) })
	t.Run("AppendsDoNotGetLost", func(t *testing.T) { appendsDoNotGetLost(t, log(t)) })
	t.Run("Prune", func(t *testing.T) { pruneTakesTheOld(t, log(t)) })
	runAuditSearch(t, open)
}

func eventsComeBack(t *testing.T, log audit.Log) {
	ctx := context.Background()
	u, other := user.NewID(), user.NewID()
	events := []audit.Event{
		{At: at, Kind: audit.SignUp, User: u, Actor: u, IP: netip.MustParseAddr("192.0.2.7"), Device: "Chrome · Windows", Detail: audit.Detail{Remember: true}},
		{At: at.Add(time.Second), Kind: audit.LoginFailed, User: u, IP: netip.MustParseAddr("2001:db8::1")},
		{At: at.Add(time.Second), Kind: audit.Login, User: u, Actor: u}, // the same millisecond: the later one is newer
		{At: at.Add(time.Minute), Kind: audit.SessionsEnded, User: u, Actor: other, Note: "분실한 휴대폰\nlost phone",
			Detail: audit.Detail{Ended: 3, Partial: true, Replaced: true, From: user.RoleUser, To: user.RoleAdmin, Target: "Whale · \"Windows\""}},
	}
	for _, e := range events {
		must(t, log.Append(ctx, e))
		e.User = other
		must(t, log.Append(ctx, e))
	}
	slices.Reverse(events)
	for _, limit := range []int{1, 3, 4, 100} {
		got, err := log.Recent(ctx, u, limit)
		must(t, err)
		if diff := cmp.Diff(events[:min(limit, len(events))], got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("newest %d (-want +got):\n%s", limit, diff)
		}
	}
	none, err := log.Recent(ctx, user.NewID(), 10)
	must(t, err)
	if len(none) != 0 {
		t.Errorf("an account without events has %d", len(none))
	}
	// Headers bring all kinds of bytes; they cost neither the event nor a log-in.
	must(t, log.Append(ctx, audit.Event{At: at, Kind: audit.Login, User: user.NewID(), Device: "a\x00\xff", Note: "\xf0\x28", Detail: audit.Detail{Target: "\x00\xff"}}))
}

// What hit everyone is part of everybody's activity, in its place.
func everyoneIsTold(t *testing.T, log audit.Log) {
	ctx := context.Background()
	u := user.NewID()
	before := audit.Event{At: at, Kind: audit.Login, User: u, Actor: u}
	end := audit.Event{At: at.Add(time.Second), Kind: audit.EveryoneEnded, Detail: audit.Detail{Ended: 7}}
	after := audit.Event{At: at.Add(time.Minute), Kind: audit.Login, User: u, Actor: u}
	for _, e := range []audit.Event{before, end, after, {At: at.Add(time.Second), Kind: audit.LoginFailed}} {
		must(t, log.Append(ctx, e))
	}
	got, err := log.Recent(ctx, u, 10)
	must(t, err)
	if diff := cmp.Diff([]audit.Event{after, end, before}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

func appendsDoNotGetLost(t *testing.T, log audit.Log) {
	ctx := context.Background()
	u := user.NewID()
	const n = 50
	for _, err := range race(n, func(int) error {
		return log.Append(ctx, audit.Event{At: at, Kind: audit.LoginFailed, User: u})
	}) {
		must(t, err)
	}
	got, err := log.Recent(ctx, u, 2*n)
	must(t, err)
	if len(got) != n {
		t.Errorf("%d events, want %d", len(got), n)
	}
}

func pruneTakesTheOld(t *testing.T, log audit.Log) {
	ctx := context.Background()
	u := user.NewID()
	for i := range 10 {
		must(t, log.Append(ctx, audit.Event{At: at.Add(time.Duration(i) * time.Hour), Kind: audit.Login, User: u}))
	}
	n, err := log.Prune(ctx, at.Add(4*time.Hour))
	must(t, err)
	left, err := log.Recent(ctx, u, 100)
	must(t, err)
	if n != 4 || len(left) != 6 || !left[len(left)-1].At.Equal(at.Add(4*time.Hour)) {
		t.Errorf("pruned %d, left %d, oldest %v", n, len(left), left[len(left)-1].At)
	}
}
