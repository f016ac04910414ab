package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Folder is where log-ins are kept, one file for each server, and the name of
// the server logged in to last.
type Folder string

// DefaultFolder returns the folder below the user's folder for settings
// (os.UserConfigDir).
func DefaultFolder() (Folder, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder to keep log-ins in (%w): say --config-dir", err)
	}
	return Folder(filepath.Join(dir, "gatehouse")), nil
}

const (
	suffix   = ".json"
	lastFile = "last"
	// lockWithin bounds the wait for another process, which holds a lock for a
	// log-in or a refresh at most, each with bounds of its own.
	lockWithin = time.Minute
	maxFile    = 1 << 20 // bytes
)

// fileName returns the name of the file of a server. Each has its own: "+" and
// "=" are in no host.
func fileName(server *url.URL) string {
	return strings.NewReplacer("://", "+", ":", "+", "[", "=", "]", "=").Replace(server.Scheme+"://"+server.Host) + suffix
}

func (f Folder) path(server *url.URL) string { return filepath.Join(string(f), fileName(server)) }

// make makes the folder, or makes sure that nobody else can put files into it.
func (f Folder) make() error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	info, err := os.Stat(string(f))
	if err != nil {
		return err
	}
	return foldersOwn(string(f), info)
}

// lock waits until no other process changes what is kept of server. The caller
// calls unlock.
func (f Folder) lock(ctx context.Context, server *url.URL) (unlock func(), err error) {
	return f.lockFile(ctx, f.path(server)+".lock")
}

func (f Folder) lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := f.make(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockWithin,
		fmt.Errorf("another gatehouse has held %s for %v", path, lockWithin))
	defer cancel()
	for {
		unlock, err := tryLock(path)
		if err == nil || !errors.Is(err, errLocked) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// errLocked: another process has the lock.
var errLocked = errors.New("locked")

// read returns what is kept of server. A *NotLoggedInError if nothing is.
func (f Folder) read(server *url.URL) (login, error) {
	path := f.path(server)
	data, err := readOwn(path)
	if errors.Is(err, fs.ErrNotExist) {
		return login{}, &NotLoggedInError{URL: server.String()}
	}
	if err != nil {
		return login{}, err
	}
	l, err := decodeLogin(data)
	if err != nil || l.URL != server.String() {
		return login{}, fmt.Errorf("%s: %w: log in again", path, errUnreadable)
	}
	return l, nil
}

// readOwn reads a file that has to be ours alone.
func readOwn(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat() // of what was opened, whatever has the name by now
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no ordinary file", path)
	}
	if err := filesOwn(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// remove forgets what is kept of server. The caller has the lock.
func (f Folder) remove(server *url.URL) error {
	err := os.Remove(f.path(server))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(string(f))
}

// Last returns the URL of the server logged in to last; empty if none, or if it
// was logged out of since.
func (f Folder) Last() (string, error) {
	data, err := readOwn(filepath.Join(string(f), lastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// setLast notes server as the one logged in to last.
func (f Folder) setLast(ctx context.Context, server *url.URL) error {
	return f.lockedLast(ctx, func(path string) error {
		d, err := newDraft(path)
		if err != nil {
			return err
		}
		return d.commit([]byte(server.String() + "\n"))
	})
}

// clearLast notes that server is no longer the one logged in to last.
func (f Folder) clearLast(ctx context.Context, server *url.URL) error {
	return f.lockedLast(ctx, func(path string) error {
		if last, err := f.Last(); err != nil || last != server.String() {
			return err
		}
		return os.Remove(path)
	})
}

func (f Folder) lockedLast(ctx context.Context, do func(path string) error) error {
	path := filepath.Join(string(f), lastFile)
	unlock, err := f.lockFile(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	return do(path)
}

// Servers returns the URLs of all servers that something is kept of.
func (f Folder) Servers() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		data, err := readOwn(filepath.Join(string(f), e.Name()))
		if err != nil {
			return nil, err
		}
		if l, err := decodeLogin(data); err == nil {
			all = append(all, l.URL)
		}
	}
	slices.Sort(all)
	return all, nil
}
