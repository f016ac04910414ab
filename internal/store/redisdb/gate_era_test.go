package redisdb

import (
	"context"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// askedLedger counts how often it is asked how long it is.
type askedLedger struct {
	session.Ledger
	asked int
}

func (l *askedLedger) Head(context.Context) (int64, error) {
	l.asked++
	return int64(l.asked), nil
}

// A server that a node has left and comes back to, as when sentinels disagree for
// a moment about who the master is, is a new one to it: other nodes may have ended
// sessions elsewhere in between. Nor does a proof that began before it was left
// make it known.
func TestI5_ServerThatWasLeftIsNotTrusted(t *testing.T) {
	ledger := &askedLedger{}
	g := &gate{ledger: ledger, lease: time.Hour}
	least := func(server string) (int64, int) {
		t.Helper()
		n, era, err := g.least(context.Background(), server)
		if err != nil {
			t.Fatal(err)
		}
		return n, era
	}
	g.meet("A")
	_, first := least("A")
	g.trust("A", first)
	if least("A"); ledger.asked != 1 {
		t.Errorf("the ledger was asked %d times of a server that is known, want once", ledger.asked)
	}
	g.meet("B") // and is lost before it has proved itself
	g.meet("A")
	if n, _ := least("A"); n != 2 {
		t.Errorf("back at the server before, the node wants end %d to be applied, want the newest, 2", n)
	}
	g.trust("A", first) // by a connection from before
	if n, _ := least("A"); n != 3 {
		t.Errorf("after a late proof the node wants end %d to be applied, want the newest, 3", n)
	}
}
