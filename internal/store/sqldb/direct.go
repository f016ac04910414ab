package sqldb

import (
	"fmt"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// direct is a SQLite connection with some queries prepared on it, which are asked
// by calling SQLite itself. It is the only place that goes round database/sql and
// the driver, and exists for what comes with every request: whenever a query is
// asked, they start a goroutine each to watch the context, fetch the name and the
// type of every column as strings, and lock the connection for every value, which
// is two thirds of the time and nine tenths of the allocations.
//
// What is lost with them is waiting: where they would wait for a lock, direct
// fails at once, and its caller asks again in the usual way, which knows about
// deadlines. What is left is a look at a few pages of a file, by key, in a read
// transaction of its own that sees all that has been committed, by any process.
//
// It may be used by one goroutine at a time, and asked one query at a time.
type direct struct {
	tls   *libc.TLS               // what C code has for a thread
	db    uintptr                 // *sqlite3
	stmts [len(questions)]uintptr // *sqlite3_stmt each
	stmt  uintptr                 // the one that is being asked
	row   bool                    // whether stmt stands at a row
	arg   uintptr                 // maxArg bytes, the query's first argument
}

// maxArg bounds the first argument in bytes. A session id has 43.
const maxArg = 64

// notOK is a result code of SQLite other than SQLITE_OK.
type notOK int32

func (code notOK) Error() string { return fmt.Sprintf("sqlite: code %d", int32(code)) }

// busy reports whether others were in the way.
func (code notOK) busy() bool { return code&0xff == sqlite3.SQLITE_BUSY }

func check(code int32) error {
	if code == sqlite3.SQLITE_OK {
		return nil
	}
	return notOK(code)
}

// openDirect prepares the questions on a new connection to the file at uri.
func openDirect(uri string) (*direct, error) {
	d := &direct{tls: libc.NewTLS()}
	if err := withoutFault(func() error { return d.open(uri) }); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *direct) open(uri string) error {
	if d.arg = libc.Xmalloc(d.tls, maxArg); d.arg == 0 {
		return notOK(sqlite3.SQLITE_NOMEM)
	}
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_URI |
		sqlite3.SQLITE_OPEN_NOMUTEX // who uses it has it to themselves
	if err := d.with(uri, func(text uintptr) int32 {
		code := sqlite3.Xsqlite3_open_v2(d.tls, text, d.arg, flags, 0)
		d.db = *(*uintptr)(memory(d.arg)) // to be closed even if it did not open
		return code
	}); err != nil {
		return err
	}
	if err := d.with(mapped, func(text uintptr) int32 {
		return sqlite3.Xsqlite3_exec(d.tls, d.db, text, 0, 0, 0)
	}); err != nil {
		return err
	}
	for i, query := range questions {
		if err := d.prepare(&d.stmts[i], query); err != nil {
			return err
		}
	}
	return nil
}

func (d *direct) prepare(stmt *uintptr, query string) error {
	const wholeText = -1
	return d.with(query, func(text uintptr) int32 {
		code := sqlite3.Xsqlite3_prepare_v3(d.tls, d.db, text, wholeText, sqlite3.SQLITE_PREPARE_PERSISTENT, d.arg, 0)
		*stmt = *(*uintptr)(memory(d.arg))
		return code
	})
}

// with calls fn with a copy of s as C has it.
func (d *direct) with(s string, fn func(text uintptr) (code int32)) error {
	text, err := libc.CString(s)
	if err != nil {
		return err
	}
	defer libc.Xfree(d.tls, text)
	return check(fn(text))
}

// ask asks q about arg, its $1, and numbers, from $2 on. The rows come by next;
// done has to be called in any case.
func (d *direct) ask(q question, arg string, numbers ...int64) error {
	d.stmt = d.stmts[q]
	if len(arg) > maxArg {
		return notOK(sqlite3.SQLITE_TOOBIG)
	}
	copy(unsafe.Slice((*byte)(memory(d.arg)), maxArg), arg)
	const leaveItToUs = 0 // SQLITE_STATIC
	if err := check(sqlite3.Xsqlite3_bind_text(d.tls, d.stmt, 1, d.arg, int32(len(arg)), leaveItToUs)); err != nil {
		return err
	}
	for i, n := range numbers {
		if err := check(sqlite3.Xsqlite3_bind_int64(d.tls, d.stmt, int32(2+i), n)); err != nil {
			return err
		}
	}
	return nil
}

// next reports whether there is one more row, whose columns can be read until
// next or done. The first one begins a read transaction. That ends after the last
// row, or by done.
func (d *direct) next() (found bool, err error) {
	code := sqlite3.Xsqlite3_step(d.tls, d.stmt)
	d.row = code == sqlite3.SQLITE_ROW
	if !d.row && code != sqlite3.SQLITE_DONE {
		return false, notOK(code)
	}
	return d.row, nil
}

// done ends the answer. What it returns, next has returned before.
func (d *direct) done() {
	d.row = false
	sqlite3.Xsqlite3_reset(d.tls, d.stmt)
}

// null reports whether a column of the row is NULL. Columns are counted from 0.
func (d *direct) null(column int32) bool {
	return sqlite3.Xsqlite3_column_type(d.tls, d.stmt, column) == sqlite3.SQLITE_NULL
}

// integer returns a column; 0 for NULL.
func (d *direct) integer(column int32) int64 {
	return sqlite3.Xsqlite3_column_int64(d.tls, d.stmt, column)
}

func (d *direct) boolean(column int32) bool { return d.integer(column) != 0 }

// text returns a copy of a column; "" for NULL.
func (d *direct) text(column int32) string { return string(d.view(column)) }

// textLike is text that is likely to be as s, and then is s.
func (d *direct) textLike(column int32, s string) string {
	if view := d.view(column); string(view) != s {
		return string(view)
	}
	return s
}

// blob returns a copy of a column; nil for NULL, and for nothing.
func (d *direct) blob(column int32) []byte { return append([]byte(nil), d.view(column)...) }

// view returns the bytes of a column where SQLite has them, until next or done.
func (d *direct) view(column int32) []byte {
	p := sqlite3.Xsqlite3_column_blob(d.tls, d.stmt, column)
	n := sqlite3.Xsqlite3_column_bytes(d.tls, d.stmt, column) // in this order: the first may convert
	if p == 0 || n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(memory(p)), n)
}

// close closes the connection.
func (d *direct) close() error {
	err := withoutFault(func() error {
		for _, stmt := range d.stmts {
			sqlite3.Xsqlite3_finalize(d.tls, stmt) // returns what next has returned
		}
		return check(sqlite3.Xsqlite3_close_v2(d.tls, d.db))
	})
	libc.Xfree(d.tls, d.arg)
	d.tls.Close()
	return err
}

// memory returns where in C's memory p points. That is none of Go's, which the
// garbage collector moves and frees: a plain conversion would be as good, but vet
// cannot know that.
func memory(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }
