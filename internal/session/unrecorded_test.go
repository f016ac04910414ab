package session

import (
	"fmt"
	"testing"
	"time"
)

// A node whose database is away for long does not fill its memory.
func TestUnrecordedIsBounded(t *testing.T) {
	u, why := newUnrecorded(), Why{Reason: Forced}
	batch := func(n int) []ID {
		ids := make([]ID, keptAtOnce)
		for i := range ids {
			ids[i] = ID(fmt.Sprint("session ", n, " ", i))
		}
		return ids
	}
	batches := MaxUnrecorded / keptAtOnce
	for n := range batches {
		if kept := u.keep(batch(n), why, time.Now()); kept != keptAtOnce {
			t.Fatalf("batch %d: %d kept, want all %d", n, kept, keptAtOnce)
		}
	}
	if kept := u.keep(batch(batches), why, time.Now()); kept != 0 {
		t.Errorf("%d kept beyond the bound", kept)
	}
	if kept := u.keep(batch(0), why, time.Now()); kept != keptAtOnce {
		t.Errorf("%d of those that are kept already", kept)
	}
	if got := u.n.Load(); got != MaxUnrecorded {
		t.Errorf("%d are kept, the bound is %d", got, MaxUnrecorded)
	}
	u.drop()
	if _, ended := u.reasonOf(batch(0)[0]); ended {
		t.Error("what was dropped is still known")
	}
	if kept := u.keep(batch(batches), why, time.Now()); kept != keptAtOnce {
		t.Errorf("%d kept where there is room again", kept)
	}
	for u.first() != nil {
		u.drop()
	}
	if got := u.n.Load(); got != 0 || len(u.reasons) != 0 {
		t.Errorf("%d are left of nothing", got)
	}
}
