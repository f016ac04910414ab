package sqldb_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// A process that froze while it repaired the log's index is in the way of every
// reader: an outage (I6), in time, and over when that process is gone.
func TestFrozenSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	u := newUser(t, db, "jun", user.RoleUser)
	s := start(t, db, u.ID, "1")
	wantReason(t, "before", db, s.ID, "")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FREEZE_IN="+path+"-shm")
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	defer in.Close()
	if said, err := io.ReadAll(io.LimitReader(out, 6)); string(said) != "frozen" {
		t.Fatalf("the other process: %q, %v", said, err)
	}
	inTime(t, 500*time.Millisecond, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := db.Sessions().Find(ctx, s.ID)
		wantUnavailable(t, err)
	})
	must(t, in.Close())
	must(t, cmd.Wait())
	wantReason(t, "after", db, s.ID, "")
	must(t, second(db.Shortcut(context.Background(), s.ID)))
}

// freezeAsProcess does to the index of the log, at path, what its repair begins
// with, and no more. https://www.sqlite.org/walformat.html says where its locks
// are: from byte 120 that of the writer, of the checkpoint and of the repair.
func freezeAsProcess(path string) int {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: 120, Len: 3})
	}
	if err == nil {
		_, err = f.WriteAt(make([]byte, 96), 0) // both copies of the header
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString("frozen")
	io.Copy(io.Discard, os.Stdin) // until it may go
	return 0
}
