//go:build unix

package apiclient

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// tryLock takes the lock at path. It is the system's (flock), which drops it
// when the process ends, however it ends. The file stays: a process that waits
// may have it open. errLocked.
func tryLock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// filesOwn refuses a file that others can read or write, or that is another
// user's, as ssh does with keys.
func filesOwn(path string, info fs.FileInfo) error {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user and is not used", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s can be read or changed by others (mode %04o) and is not used: "+
			"run chmod 600 on it, or better remove it, end that session and log in again", path, mode)
	}
	return nil
}

// foldersOwn refuses a folder that others can put files into.
func foldersOwn(path string, info fs.FileInfo) error {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("the folder %s belongs to another user and is not used", path)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others can put files into %s (mode %04o), so it is not used: run chmod 700 on it", path, mode)
	}
	return nil
}

// replaceFile renames a file over another.
func replaceFile(from, to string) error { return os.Rename(from, to) }

// syncFolder makes a rename in the folder last through a power cut.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // some file systems cannot, and need not
	}
	return errors.Join(err, dir.Close())
}
