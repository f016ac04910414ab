package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"gatehouse/migrations"
)

// Readers beyond the number of cores only wait for each other; small machines
// still want one that is not busy with an administrator's list.
const sqliteReaders = 8

const (
	// sqliteLog is to how many bytes SQLite cuts its log when it has emptied it.
	sqliteLog = 8 << 20
	// sqliteEmpties is from how many pages on it tries to empty the log, in the
	// commit that makes it so long. From a thousand on, as SQLite does by itself,
	// that takes a processor for milliseconds, and checks wait for it; from a hundred
	// on the disk is asked more often to write what it has been told: twice in some 30
	// touches.
	sqliteEmpties = 100
)

func openSQLite(ctx context.Context, path string) (*DB, error) {
	if path == "" {
		return nil, errors.New("database path is empty")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	if err := createPrivately(path); err != nil {
		return nil, fmt.Errorf("database file: %w", err)
	}
	writer, err := openSQLitePool(path, url.Values{"_pragma": {fmt.Sprintf("wal_autocheckpoint(%d)", sqliteEmpties)}})
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	// The writer goes first: it turns a new file into one that readers can use
	// beside it (WAL).
	if err := ping(ctx, writer); err != nil {
		writer.Close()
		return nil, err
	}
	reader, err := openSQLitePool(path, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		writer.Close()
		return nil, err
	}
	reader.SetMaxOpenConns(sqliteReaders)
	reader.SetMaxIdleConns(sqliteReaders)
	return &DB{reader: reader, writer: writer, reads: &prepared{preparer: reader}, writes: writer, shortcut: &directs{uri: fileURI(path), log: path + "-wal"}, dialect: dialect{
		answerWithin: writeTimeout,
		portions:     portionsHere,
		migrator: migrator{
			goose:       goose.DialectSQLite3,
			files:       migrations.SQLite(),
			hasVersions: `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '` + versionTable + `')`,
			lock:        sqliteLock(path),
		},
	}}, nil
}

// openSQLitePool returns a pool whose connections all have the pragmas: run by
// Exec they would reach one connection.
func openSQLitePool(path string, query url.Values) (*sql.DB, error) {
	for _, pragma := range []string{
		"journal_mode(WAL)", // readers do not wait for the writer
		"busy_timeout(5000)",
		"foreign_keys(1)",
		// With WAL, SQLite is often run at NORMAL, which may lose the last
		// commits in a power cut. Those may be ends, and a lost end is a
		// session that comes back.
		"synchronous(FULL)",
		fmt.Sprintf("journal_size_limit(%d)", sqliteLog),
	} {
		query.Add("_pragma", pragma)
	}
	query.Set("_txlock", "immediate") // a reader that turns writer half-way fails at once, whatever the busy_timeout
	return sql.Open("sqlite", fileURI(path)+"?"+query.Encode())
}

// fileURI names path as SQLite reads it; a plain path would be cut at a "?".
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' { // C:/…
		path = "/" + path
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath()
}

// createPrivately makes the file before SQLite would, with the umask's rights.
// The files that SQLite puts beside it inherit the mode.
func createPrivately(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
