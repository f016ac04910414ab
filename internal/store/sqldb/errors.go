package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/internal/user"
)

// explain turns an error of a driver into one that the contracts name. It is
// the only place that does so, and it goes by codes, never by texts. Errors
// that are not a driver's pass through.
//
// Unique violations do not come by here: inserts that may meet one say ON
// CONFLICT DO NOTHING and then look at who was there first.
func explain(caller context.Context, err error) error {
	switch {
	case err == nil || !fromDriver(err):
		return err
	case errors.Is(caller.Err(), context.Canceled):
		// Nobody waits for the answer any more; what the driver made of that
		// (a broken connection, say) tells nothing about the database.
		return fmt.Errorf("sqldb: %w", context.Canceled)
	case away(err):
		return fmt.Errorf("%w: %w", user.ErrUnavailable, err)
	}
	return fmt.Errorf("sqldb: %w", err)
}

func fromDriver(err error) bool {
	var (
		p *pgconn.PgError
		s *sqlite.Error
	)
	return errors.As(err, &p) || errors.As(err, &s) || connectionBroke(err)
}

// away reports whether err means that the database is away, too slow or out of
// something, as opposed to that it was asked something wrong.
func away(err error) bool {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return postgresAway(p.Code)
	}
	var s *sqlite.Error
	if errors.As(err, &s) {
		return sqliteAway(s.Code())
	}
	return connectionBroke(err)
}

func connectionBroke(err error) bool {
	for _, target := range []error{
		context.DeadlineExceeded, context.Canceled, // of the operation
		driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, // the deadline passed between two statements
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var (
		c *pgconn.ConnectError
		n net.Error
	)
	return errors.As(err, &c) || errors.As(err, &n) || pgconn.SafeToRetry(err)
}

// postgresAway knows the codes of PostgreSQL's appendix A.
func postgresAway(code string) bool {
	switch code {
	case "25006", // read-only: a standby since the failover
		"25P03", // idle in transaction for too long
		"55P03": // lock not available
		return true
	}
	switch code[:min(2, len(code))] {
	case "08", // connection
		"28",       // log-in refused: the password was changed on one side
		"40",       // rolled back in favour of others, too often
		"53",       // out of connections, memory or disk
		"57", "58": // shutting down, starting up, cancelled, disk error
		return true
	}
	return false
}

func sqliteAway(code int) bool {
	switch code & 0xff { // the rest says more exactly why
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// lostConflict reports whether PostgreSQL has rolled the transaction back so
// that another could go on, which means: try again.
func lostConflict(err error) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && (p.Code == "40P01" || p.Code == "40001")
}
