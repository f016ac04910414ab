package sqldb_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/store/storetest"
)

// interleaved is the embedded default, where everything is in one file.
func interleaved(t *testing.T) storetest.Interleaved {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	db := migrated(t, path)
	must(t, db.WithoutSync(context.Background()))
	return storetest.Interleaved{
		Open: func(pause func(step string)) storetest.Sessions {
			return storetest.Sessions{Store: db.Paused(pause).Sessions(), Ledger: db.Ledger(), Users: db.Users()}
		},
		Commute: commute,
		Reset:   func() { must(t, db.Forget(context.Background())) },
	}
}

// commute: what only reads is in the way of nobody who only reads. The ledger's
// row of the end of one session is for other stores; nothing here looks at it
// (firstRaise looks at raises).
func commute(one, other string) bool {
	reads := func(step string) bool { return step == "SELECT" || strings.HasPrefix(step, "users.By") }
	rowForOthers := func(step, beside string) bool {
		return step == "ledger.RecordEnd" && !strings.HasPrefix(beside, "ledger.") && (reads(beside) || !strings.HasPrefix(beside, "users."))
	}
	return reads(one) && reads(other) || rowForOthers(one, other) || rowForOthers(other, one)
}

func TestInterleavings(t *testing.T) {
	storetest.RunInterleavings(t, interleaved(t))
}

func TestInterleavingsFindFlaws(t *testing.T) {
	storetest.RunFlawedInterleavings(t, interleaved)
}
