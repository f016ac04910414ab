package apiclient

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// errSharing is ERROR_SHARING_VIOLATION: another process has the file open.
const errSharing = syscall.Errno(32)

// tryLock takes the lock at path by opening the file for nobody else. The system
// closes it when the process ends, however it ends. errLocked.
func tryLock(path string) (unlock func(), err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const shareNothing = 0
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, shareNothing, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, errLocked
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func() { syscall.CloseHandle(h) }, nil
}

// filesOwn trusts that the user's folder for settings is the user's alone, as it
// is unless somebody has changed that: modes say nothing here.
func filesOwn(string, fs.FileInfo) error { return nil }

// foldersOwn is as filesOwn.
func foldersOwn(string, fs.FileInfo) error { return nil }

// replaceFile renames a file over another, as soon as nobody is reading that.
func replaceFile(from, to string) error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := os.Rename(from, to)
		if err == nil || time.Now().After(deadline) ||
			!errors.Is(err, errSharing) && !errors.Is(err, syscall.ERROR_ACCESS_DENIED) {
			return err
		}
	}
}

// syncFolder has nothing to do: folders cannot be synced here.
func syncFolder(string) error { return nil }
