package redisdb_test

import (
	"context"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Somebody ends all other sessions of an account while an administrator ends all
// of them, or everyone's. Both are in the ledger before either is carried out, in
// either order: the session that asked has been ended by the administrator.
func TestI2_KeptSessionThatSomebodyElseHasEnded(t *testing.T) {
	ctx := context.Background()
	why := session.Why{Reason: session.Forced}
	for name, raise := range map[string]func(*gated, user.ID) (carryOut func() error){
		"with its user": func(g *gated, u user.ID) func() error {
			epoch, _, err := g.ledger.RaiseUser(ctx, u, "", why, time.Now())
			must(g.t, err)
			return func() error {
				_, err := g.store.EndUser(ctx, u, epoch, "", why, time.Now())
				return err
			}
		},
		"with everyone": func(g *gated, _ user.ID) func() error {
			epoch, _, err := g.ledger.RaiseAll(ctx, why, time.Now())
			must(g.t, err)
			return func() error {
				_, err := g.store.EndAll(ctx, epoch, why, time.Now())
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t, snapshotsOnly...)
			u := g.user()
			asking, other := g.login(u), g.login(u)
			snapshot := g.snapshot()
			carryOut := raise(g, u.ID)
			_, err := g.EndUser(ctx, u.ID, asking, why)
			must(t, err)
			must(t, carryOut())
			g.wantEnded("the one that asked", asking)
			g.wantEnded("the other", other)
			g.restartFrom(snapshot)
			g.wantEnded("the one that asked, applied from the ledger", asking)
		})
	}
}

// The same while its password is changed: the new token is of the session that
// has been ended.
func TestI2_RenewedSessionThatSomebodyElseHasEnded(t *testing.T) {
	ctx := context.Background()
	g := newGated(t)
	u := g.user()
	s, err := g.Check(ctx, g.login(u))
	must(t, err)
	forced := session.Why{Reason: session.Forced}
	all, _, err := g.ledger.RaiseAll(ctx, forced, time.Now())
	must(t, err)
	epoch, err := g.db.Users().SetPassword(ctx, u.ID, "", "y", user.Change{At: time.Now(), Keep: string(s.ID)})
	must(t, err)
	_, err = g.EndUserAt(ctx, u.ID, epoch, s.ID, session.Why{Reason: session.Password})
	must(t, err)
	next := session.IDOf("next after a password")
	if _, err := g.Renew(ctx, s, next, epoch, nil); err == nil {
		t.Error("the session was renewed")
	}
	_, err = g.store.EndAll(ctx, all, forced, time.Now())
	must(t, err)
	g.wantEnded("the old token", s.ID)
	g.wantEnded("the new token", next)
}

// Redis was away when it was asked for the first time, so that it has only been
// recorded; it is asked for again, at once.
func TestI2_EndOthersTwice(t *testing.T) {
	ctx := context.Background()
	g := newGated(t)
	u := g.user()
	asking, other := g.login(u), g.login(u)
	why := session.Why{Reason: session.Logout}
	for range 3 {
		_, _, err := g.ledger.RaiseUser(ctx, u.ID, asking, why, time.Now())
		must(t, err)
	}
	_, err := g.EndUser(ctx, u.ID, asking, why)
	must(t, err)
	g.wantAlive("the one that asked", asking)
	g.wantEnded("the other", other)
}
