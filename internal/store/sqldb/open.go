package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// How long an operation may take before the database counts as away.
const (
	// readTimeout bounds what a request waits for before it can be answered at
	// all. A request must have its 503 within 500 ms, and rendering that page
	// has to fit in too.
	readTimeout = 300 * time.Millisecond
	// writeTimeout is longer: a write waits for a disk and for other writers,
	// and giving up on one leaves open whether it happened.
	writeTimeout = 2 * time.Second
	// listTimeout is for lists and searches of an administrator, who would
	// rather wait than read an error.
	listTimeout = 5 * time.Second
	// patientTimeout is for [DB.Patient].
	patientTimeout = 15 * time.Second
)

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	// On PostgreSQL both are the same pool. SQLite has one writer and any
	// number of readers at a time, and so have we: writers then queue in the
	// program, in order, rather than by polling a file lock.
	reader, writer *sql.DB
	reads          querier  // of the reader, however it is asked best
	writes         writer   // of the writer
	shortcut       shortcut // of what is read most; nil if there is none
	dialect        dialect
	listeners      listeners // to ends of sessions
	patient        bool
}

// dialect is all in which the two databases differ.
type dialect struct {
	// forShare ends a SELECT whose rows have to stay as they are until the
	// commit. SQLite needs nothing: there, a transaction that may write has
	// the database to itself from its beginning.
	forShare string
	// forOne is the same for rows that one such transaction has at a time.
	forOne string
	// answerWithin bounds what takes an answer and no work: hello, or the start
	// of a transaction. A PostgreSQL that is late with it is away; on SQLite
	// nobody can be away, and a transaction starts by waiting for other writers.
	answerWithin time.Duration
	portions     portions
	migrator
}

// Open opens the database at url, postgres://… for PostgreSQL, or else the
// SQLite file of that path, which it creates, readable by its owner only, as
// well as the folder around it. It does not touch tables: see [DB.Migrate].
// The error wraps user.ErrUnavailable if the database does not answer.
func Open(ctx context.Context, url string) (*DB, error) {
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url)
	}
	return openSQLite(ctx, url)
}

// Patient returns db for callers that keep no request waiting: commands, and the
// start of the server. They would rather wait for a slow database than fail. It
// shares the connections, which [DB.Close] of either closes, and not the
// listeners: those hear only of ends through the DB that they listen to.
func (db *DB) Patient() *DB {
	return &DB{reader: db.reader, writer: db.writer, reads: db.reads, writes: db.writes, shortcut: db.shortcut, dialect: db.dialect, patient: true}
}

// within returns how long an operation may take that gets limit in a hurry.
func (db *DB) within(limit time.Duration) time.Duration {
	if db.patient {
		return patientTimeout
	}
	return limit
}

// Close closes all connections.
func (db *DB) Close() error {
	if db.reader == db.writer {
		return db.writer.Close()
	}
	// The writer last: SQLite folds its log into the file when the last
	// connection closes, which a reader may not do.
	return errors.Join(db.shortcut.close(), db.reader.Close(), db.writer.Close())
}

// Ping reports whether the database answers and has tables.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		_, err := everyonesEpoch(ctx, q)
		return err
	})
}
