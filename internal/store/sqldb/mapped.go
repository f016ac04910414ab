package sqldb

import (
	"errors"
	"runtime/debug"
)

// mapped lets a direct read the file where the system has it in memory, as far as
// SQLite goes (2 GB): a page that is not in a cache of SQLite's own, as nearly
// every one with a million sessions, costs neither a system call nor a copy, which
// were two thirds of the read. What is still in the log is read as before.
const mapped = `PRAGMA mmap_size = 2147418112`

// errFault: a page of the file could not be had. Without the mapping this would
// be SQLite's own error of reading.
var errFault = errors.New("sqldb: a mapped page cannot be read")

// withoutFault runs read. Where memory is a file, a disk that fails, or a file
// that somebody has cut, is a fault of memory, and would end the program. Any other
// address that cannot be read looks the same; the connection is closed either way.
func withoutFault(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // a runtime.Error that says where
			err = errFault
		default:
			panic(cause)
		}
	}()
	return read()
}
