package storetest

import (
	"context"
	"fmt"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// RunLedger holds a backend to the contract of session.Ledger. open is called
// once per test and returns an empty ledger and the accounts beside it.
func RunLedger(t *testing.T, open func(t *testing.T) (session.Ledger, user.Store)) {
	tests := []struct {
		name string
		run  func(*testing.T, session.Ledger, user.Store)
	}{
		{"RaiseUserRaisesOne", raiseUserRaisesOne},
		{"RaiseAllRaisesEveryone", raiseAllRaisesEveryone},
		{"RaisesDoNotGetLost", raisesDoNotGetLost},
		{"RecordEnd", recordEnd},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ledger, users := open(t)
			test.run(t, ledger, users)
		})
	}
}

func raiseUserRaisesOne(t *testing.T, l session.Ledger, users user.Store) {
	ctx := context.Background()
	u, other := added(t, users, account("jun")), added(t, users, account("other"))
	epoch, _, err := l.RaiseUser(ctx, u.ID, "", forced, at)
	must(t, err)
	if epoch != (user.Epoch{All: u.Epoch.All, User: u.Epoch.User + 1}) {
		t.Errorf("raised from %v to %v", u.Epoch, epoch)
	}
	if got := again(t, users, u.ID).Epoch; got != epoch {
		t.Errorf("the account reads %v, want %v", got, epoch)
	}
	if again(t, users, other.ID) != other {
		t.Error("another account was touched")
	}
	_, _, err = l.RaiseUser(ctx, user.NewID(), "", forced, at)
	wantErr(t, "unknown account", err, user.ErrNotFound)
}

func raiseAllRaisesEveryone(t *testing.T, l session.Ledger, users user.Store) {
	ctx := context.Background()
	u := added(t, users, account("jun"))
	epoch, _, err := l.RaiseAll(ctx, forced, at)
	must(t, err)
	if epoch.All != u.Epoch.All+1 {
		t.Errorf("raised from %v to %v", u.Epoch, epoch)
	}
	late := added(t, users, account("late"))
	for _, id := range []user.ID{u.ID, late.ID} {
		if got := again(t, users, id).Epoch.All; got != epoch.All {
			t.Errorf("an account reads %d, want %d", got, epoch.All)
		}
	}
	mine, _, err := l.RaiseUser(ctx, u.ID, "", forced, at)
	must(t, err)
	if mine != (user.Epoch{All: epoch.All, User: u.Epoch.User + 1}) {
		t.Errorf("raised after everyone to %v", mine)
	}
}

func raisesDoNotGetLost(t *testing.T, l session.Ledger, users user.Store) {
	ctx := context.Background()
	u := added(t, users, account("jun"))
	const n = 10
	for _, err := range race(4*n, func(i int) (err error) {
		switch i % 4 {
		case 0:
			_, _, err = l.RaiseUser(ctx, u.ID, session.IDOf("kept"), forced, at)
		case 1:
			_, _, err = l.RaiseAll(ctx, forced, at)
		case 2:
			_, err = users.SetPassword(ctx, u.ID, "", "x", byOperator)
		case 3:
			_, err = l.RecordEnd(ctx, []session.ID{session.IDOf(fmt.Sprint(i))}, forced, at)
		}
		return err
	}) {
		must(t, err)
	}
	want := user.Epoch{All: u.Epoch.All + n, User: u.Epoch.User + 2*n}
	if got := again(t, users, u.ID).Epoch; got != want {
		t.Errorf("epoch %v, want %v", got, want)
	}
}

func recordEnd(t *testing.T, l session.Ledger, users user.Store) {
	ctx := context.Background()
	u := added(t, users, account("jun"))
	must(t, second(l.RecordEnd(ctx, nil, forced, at)))
	many := make([]session.ID, 1234) // more than a statement has room for
	for i := range many {
		many[i] = session.IDOf(fmt.Sprint(i))
	}
	must(t, second(l.RecordEnd(ctx, many, session.Why{Reason: session.Logout, Actor: u.ID}, at)))
	must(t, second(l.RecordEnd(ctx, many[:1], forced, at))) // repeating it is harmless
	if again(t, users, u.ID) != u {
		t.Error("the end of sessions raised an epoch")
	}
	head, err := l.Head(ctx)
	must(t, err)
	renewed := session.Why{Reason: session.Replaced, Actor: u.ID, Successor: session.IDOf("next")}
	must(t, second(l.RecordEnd(ctx, many[:1], renewed, at)))
	entries, err := l.After(ctx, head, 2)
	must(t, err)
	if len(entries) != 1 || entries[0].Session != many[0] || entries[0].Why != renewed || entries[0].Keep != "" {
		t.Errorf("a renewal reads %+v", entries)
	}
}

// second drops what a call returns beside its error.
func second(_ session.Span, err error) error { return err }
