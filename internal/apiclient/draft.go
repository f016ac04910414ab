package apiclient

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// draft is the next content of a file, which takes the place of the present one
// as a whole. The caller has the lock of the file, so that one name does for
// every draft of it and none is left behind for good by a process that is killed.
type draft struct {
	path string
	file *os.File
}

// draftRoom is how many bytes are set aside for a draft: several times what a
// log-in needs.
const draftRoom = 8 << 10

// newDraft starts a draft of the file at path, and makes room for it on the
// disk: a token that is spent and whose successor cannot be kept is a log-in
// lost.
func newDraft(path string) (*draft, error) {
	name := path + ".tmp"
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	d := &draft{path, file}
	if _, err = file.Write(bytes.Repeat([]byte{' '}, draftRoom)); err == nil {
		err = file.Sync()
	}
	if err != nil {
		d.discard()
		return nil, fmt.Errorf("there is no room to keep a log-in: %w", err)
	}
	return d, nil
}

// commit makes data the content of the file. After an error it is what it was,
// or data.
func (d *draft) commit(data []byte) error {
	_, err := d.file.WriteAt(data, 0)
	if err == nil {
		err = d.file.Truncate(int64(len(data)))
	}
	if err == nil {
		err = d.file.Sync()
	}
	if err != nil {
		d.discard()
		return err
	}
	if err := d.file.Close(); err != nil {
		return errors.Join(err, os.Remove(d.file.Name()))
	}
	if err := replaceFile(d.file.Name(), d.path); err != nil {
		return errors.Join(err, os.Remove(d.file.Name()))
	}
	return syncFolder(filepath.Dir(d.path))
}

// discard gives the draft up.
func (d *draft) discard() {
	d.file.Close()
	os.Remove(d.file.Name()) // or the next draft does
}
