package sqldb

import (
	"context"
	"database/sql"
	"time"
)

// querier is a pool or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// writer is where everything that writes begins: a transaction, or a statement
// that is one by itself.
type writer interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// maxTries bounds how often a transaction is run that the database gave up in
// favour of another.
const maxTries = 4

// read runs fn, which only reads, within limit, or within what the database
// takes for an answer if that is more: a SQLite that is slow is not away.
func (db *DB) read(ctx context.Context, limit time.Duration, fn func(context.Context, querier) error) error {
	limit = max(limit, db.dialect.answerWithin)
	limited, cancel := context.WithTimeout(ctx, db.within(limit))
	defer cancel()
	if limit > db.dialect.answerWithin {
		if err := db.answers(limited); err != nil {
			return explain(ctx, err)
		}
	}
	return explain(ctx, fn(limited, db.reads))
}

// answers tells a database that is away from one that has much to do: who may
// wait long for an answer need not wait long to hear that there will be none.
func (db *DB) answers(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, db.within(db.dialect.answerWithin))
	defer cancel()
	return db.reader.PingContext(limited)
}

// write runs fn in a transaction that is committed if fn returns nil and
// rolled back if it returns an error or panics. fn may run more than once.
func (db *DB) write(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	limited, cancel := context.WithTimeout(ctx, db.within(writeTimeout))
	defer cancel()
	err := db.inTx(limited, fn)
	for try := 1; try < maxTries && lostConflict(err); try++ {
		err = db.inTx(limited, fn)
	}
	return explain(ctx, err)
}

func (db *DB) inTx(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	if db.shortcut != nil {
		defer db.shortcut.makeWay()()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(db.within(db.dialect.answerWithin), cancel)
	tx, err := db.writes.BeginTx(ctx, nil)
	if !late.Stop() {
		return context.DeadlineExceeded // a transaction that began all the same goes with its context
	}
	if err != nil {
		return err
	}
	defer tx.Rollback() // after the commit it does nothing; on a panic it is all there is
	if err := fn(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// exec runs one statement that writes, atomic by itself, and returns how many
// rows it touched.
func (db *DB) exec(ctx context.Context, query string, args ...any) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, db.within(writeTimeout))
	defer cancel()
	if db.shortcut != nil {
		defer db.shortcut.makeWay()()
	}
	n, err := affected(db.writes.ExecContext(limited, query, args...))
	return n, explain(ctx, err)
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// each runs query and calls fn with every row.
func each(ctx context.Context, q querier, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
