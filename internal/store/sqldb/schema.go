package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// ErrNewerSchema: the database has been migrated by a newer program than this
// one, which would not know what it is looking at.
var ErrNewerSchema = errors.New("the database is newer than this program")

// Schema says which version of the tables a database has (0: none yet) and
// which version this program needs.
type Schema struct{ Have, Want int64 }

// migrator is what goose needs to know about the kind of database.
type migrator struct {
	goose goose.Dialect
	files fs.FS
	// hasVersions asks whether there is a version table.
	hasVersions string
	// lock returns how to keep other processes from migrating meanwhile:
	// either options for goose, or a lock that is held until release.
	lock func(ctx context.Context) (options []goose.ProviderOption, release func() error, err error)
}

// versionTable is goose's own name for it.
const versionTable = goose.DefaultTablename

// Schema reads the version of the tables and changes nothing. ErrNewerSchema,
// together with the versions.
func (db *DB) Schema(ctx context.Context) (Schema, error) {
	provider, err := db.provider(nil)
	if err != nil {
		return Schema{}, err
	}
	sources := provider.ListSources()
	s := Schema{Want: sources[len(sources)-1].Version}
	store, err := database.NewStore(db.dialect.goose, versionTable)
	if err != nil {
		return s, err
	}
	err = db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
		var exists bool
		err := q.QueryRowContext(ctx, db.dialect.hasVersions).Scan(&exists)
		if err != nil || !exists {
			return err
		}
		s.Have, err = store.GetLatestVersion(ctx, db.reader)
		return err
	})
	if err == nil && s.Have > s.Want {
		err = fmt.Errorf("%w: its tables have version %d, this program knows version %d; "+
			"run the newer program, or restore a backup made before the upgrade", ErrNewerSchema, s.Have, s.Want)
	}
	return s, err
}

// Migrate brings the tables to the version this program needs and returns what
// it found. Any number of processes may call it at once. ErrNewerSchema.
//
// It has no time limit of its own: migrating a large table takes what it takes.
func (db *DB) Migrate(ctx context.Context) (Schema, error) {
	found, err := db.Schema(ctx)
	if err != nil {
		return found, err
	}
	if err := db.migrate(ctx); err != nil {
		return found, fmt.Errorf("migrate from version %d to %d: %w", found.Have, found.Want, explain(ctx, err))
	}
	// A newer program may have been first to the lock.
	_, err = db.Schema(ctx)
	return found, err
}

func (db *DB) migrate(ctx context.Context) (err error) {
	options, release, err := db.dialect.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	provider, err := db.provider(options)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func (db *DB) provider(options []goose.ProviderOption) (*goose.Provider, error) {
	return goose.NewProvider(db.dialect.goose, db.writer, db.dialect.files, append(options,
		goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))...)
}

// postgresLock is an advisory lock: it belongs to the connection, so it cannot
// outlive a process that dies half-way.
func postgresLock(context.Context) ([]goose.ProviderOption, func() error, error) {
	const seconds, tries = 1, 300
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(seconds, tries))
	if err != nil {
		return nil, nil, err
	}
	return []goose.ProviderOption{goose.WithSessionLocker(locker)}, func() error { return nil }, nil
}

// sqliteLock locks an empty SQLite file beside the database. SQLite has no
// advisory locks, the database itself cannot be locked for another connection
// to migrate it, and file locks differ between systems; SQLite knows them all,
// and they too end with the process.
func sqliteLock(path string) func(context.Context) ([]goose.ProviderOption, func() error, error) {
	return func(ctx context.Context) (_ []goose.ProviderOption, _ func() error, err error) {
		path := path + "-migrate"
		if err := createPrivately(path); err != nil {
			return nil, nil, err
		}
		const patience = 5 * time.Minute
		pool, err := sql.Open("sqlite", fmt.Sprintf("%s?_pragma=busy_timeout(%d)&_txlock=exclusive", fileURI(path), patience.Milliseconds()))
		if err != nil {
			return nil, nil, err
		}
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return nil, nil, errors.Join(err, pool.Close())
		}
		return nil, func() error { return errors.Join(tx.Rollback(), pool.Close()) }, nil
	}
}
