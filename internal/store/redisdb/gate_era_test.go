package redisdb

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// askedLedger counts how often it is asked how long it is.
type askedLedger struct {
	session.Ledger
	asked int
	err   error
}

func (l *askedLedger) Head(context.Context) (int64, error) {
	l.asked++
	return int64(l.asked), l.err
}

// A server that a node has left and comes back to, as when sentinels disagree for
// a moment about who the master is, is a new one to it: other nodes may have ended
// sessions elsewhere in between. Nor does a proof that began before it was left
// make it known.
func TestI5_ServerThatWasLeftIsNotTrusted(t *testing.T) {
	ledger := &askedLedger{}
	g := &gate{hearing: &hearing{ledger: ledger, lease: time.Hour}}
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

// A shard comes to a server of a cluster that is known, with the data of another: the
// ledger is asked anew, and nothing that was proved before counts.
func TestI5_ServerThatGainsAShardIsNotTrusted(t *testing.T) {
	ledger := &askedLedger{}
	on := shardSet(0b01)
	g := newGate(&hearing{ledger: ledger, lease: time.Hour}, nil, nil, func() shardSet { return on })
	g.meet("A")
	_, era, err := g.least(context.Background(), "A")
	if err != nil {
		t.Fatal(err)
	}
	g.trust("A", era)
	before := time.Since(started)
	if lasts := g.lasts(before, on); lasts != compareEvery {
		t.Errorf("a proof lasts %v", lasts)
	}
	proved := on
	on |= 0b10
	g.gain()
	if lasts := g.lasts(before, proved); lasts != 0 {
		t.Errorf("a proof from before lasts %v", lasts)
	}
	if n, _, err := g.least(context.Background(), "A"); err != nil || n != 2 {
		t.Errorf("the node wants end %d to be applied, %v, want the newest, 2", n, err)
	}
	g.trust("A", era)
	if n, _, _ := g.least(context.Background(), "A"); n != 3 {
		t.Errorf("after a late proof the node wants end %d to be applied, want the newest, 3", n)
	}
	if lasts := g.lasts(time.Since(started)+1, proved); lasts != missingEvery {
		t.Errorf("a proof in which one shard is missing lasts %v", lasts)
	}
}

// A server that is ahead of what a node has heard of the ledger, because another
// node has just ended something there, is not asked about with every operation
// while the database is away: an answer would take longer than is promised.
func TestI6_SilentLedgerIsNotAskedByEveryOperation(t *testing.T) {
	ledger := &askedLedger{err: session.ErrUnavailable}
	g := &gate{hearing: &hearing{ledger: ledger, lease: time.Hour, asked: time.Now(), head: 1}}
	for range 10 {
		if err := g.notAhead(context.Background(), position{seq: 2, ledger: "ours"}); err != nil {
			t.Fatal(err)
		}
	}
	if ledger.asked != 1 {
		t.Errorf("the ledger was asked %d times while it was silent, want once", ledger.asked)
	}
	ledger.err = nil // it answers the comparison, and knows of one end less than the server
	if _, err := g.ask(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.name, g.log, ledger.asked = "ours", slog.New(slog.DiscardHandler), 0
	if err := g.notAhead(context.Background(), position{seq: 5, ledger: "ours"}); !errors.Is(err, ErrLedgerOlder) {
		t.Errorf("a server that is ahead of a ledger that answers: %v, want ErrLedgerOlder", err)
	}
}
