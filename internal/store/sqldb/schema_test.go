package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/testenv"
)

func TestMain(m *testing.M) {
	// Tests start this binary again as another process beside theirs.
	for role, run := range map[string]func(string) int{
		"MIGRATE_THIS": migrateAsProcess,
		"RAISE_IN":     raiseAsProcess,
		"FREEZE_IN":    freezeAsProcess,
	} {
		if of := os.Getenv(role); of != "" {
			os.Exit(run(of))
		}
	}
	os.Exit(m.Run())
}

func migrateAsProcess(url string) int {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, url)
	if err == nil {
		_, err = db.Migrate(ctx)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return 0
}

func TestMigrate(t *testing.T) {
	for name, url := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "g.db"), "postgres": testenv.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			db := open(t, url)
			s, err := db.Schema(ctx)
			must(t, err)
			if s.Have != 0 || s.Want < 5 {
				t.Errorf("empty database: %+v", s)
			}
			if err := db.Ping(ctx); err == nil {
				t.Error("a database without tables says that it is ready")
			}
			found, err := db.Migrate(ctx)
			must(t, err)
			if found != s {
				t.Errorf("first migration found %+v, want %+v", found, s)
			}
			found, err = db.Migrate(ctx)
			must(t, err)
			if found.Have != s.Want {
				t.Errorf("second migration found %+v", found)
			}
			must(t, db.Ping(ctx))
		})
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		db, url := open(t)
		mine, err := db.Schema(context.Background())
		must(t, err)
		_, err = rawPool(t, url).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, $1)`, true)
		must(t, err)
		_, err = db.Migrate(context.Background())
		if !errors.Is(err, sqldb.ErrNewerSchema) || !strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), fmt.Sprint("version ", mine.Want)) {
			t.Errorf("got %v; want ErrNewerSchema with both versions", err)
		}
	})
}

func TestProcessesMigrateAtOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "new", "g.db"), "postgres": testenv.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					cmd := exec.Command(os.Args[0])
					cmd.Env = append(os.Environ(), "MIGRATE_THIS="+url)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%v: %s", err, out)
					}
				})
			}
			wg.Wait()
			must(t, open(t, url).Ping(context.Background()))
		})
	}
}
