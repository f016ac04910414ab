package sqldb_test

import (
	"context"
	"path/filepath"
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
		Reset: func() { must(t, db.Forget(context.Background())) },
	}
}

func TestInterleavings(t *testing.T) {
	storetest.RunInterleavings(t, interleaved(t))
}

func TestInterleavingsFindFlaws(t *testing.T) {
	storetest.RunFlawedInterleavings(t, interleaved)
}
