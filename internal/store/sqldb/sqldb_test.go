package sqldb_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
)

// onBoth runs test on each kind of database. open gives it an empty one, and
// the same one again for another node.
func onBoth(t *testing.T, test func(t *testing.T, open func(t *testing.T) (db *sqldb.DB, url string))) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(t *testing.T) (*sqldb.DB, string) {
			path := filepath.Join(t.TempDir(), "data", "gatehouse.db")
			return migrated(t, path), path
		})
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func(t *testing.T) (*sqldb.DB, string) {
			url := testenv.Postgres(t)
			return migrated(t, url), url
		})
	})
}

// open opens a database for the length of the test.
func open(t testing.TB, url string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), url)
	must(t, err)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func migrated(t testing.TB, url string) *sqldb.DB {
	t.Helper()
	db := open(t, url)
	_, err := db.Migrate(context.Background())
	must(t, err)
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }
