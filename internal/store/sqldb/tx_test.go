package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
)

// A transaction that fails or panics leaves nothing, and no lock either: the
// one writer of SQLite would be lost for ever.
func TestTransactionsRollBack(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "g.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	raise := func(ctx context.Context, tx *sql.Tx) {
		if _, err := tx.ExecContext(ctx, `UPDATE everyone SET epoch = epoch + 1`); err != nil {
			t.Error(err)
		}
	}
	failure := errors.New("failure")
	err = db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		raise(ctx, tx)
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v, want the error of the function", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
			raise(ctx, tx)
			panic("bug")
		})
	}()
	err = db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		epoch, err := everyonesEpoch(ctx, tx)
		if epoch != 0 {
			t.Errorf("epoch %d, want 0", epoch)
		}
		return err
	})
	if err != nil {
		t.Errorf("after the panic: %v", err)
	}
}
