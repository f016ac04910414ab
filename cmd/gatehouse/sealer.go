package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gatehouse/internal/config"
	"gatehouse/internal/token"
)

// keysSecretFile is beside the SQLite file and not in it, so that a copy of the
// database signs nothing.
const keysSecretFile = "keys.secret"

// sealer returns what seals the signing keys in the database: by the secret that
// is set, or on SQLite by one that is made at the first start. Nil, if there is
// none.
func sealer(c config.StoreConfig) (*token.Sealer, error) {
	secret := c.KeysSecret.Reveal()
	if secret == "" && c.DatabaseURL.IsEmpty() {
		var err error
		if secret, err = madeSecret(filepath.Join(c.DataDir, keysSecretFile)); err != nil {
			return nil, fmt.Errorf("the secret of the signing keys: %w", err)
		}
	}
	return token.NewSealer(secret)
}

// madeSecret returns the secret in the file, which it makes, whole and readable
// by its owner alone, if it is not there. Of processes that come at once one
// makes it.
func madeSecret(path string) (string, error) {
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	fresh := make([]byte, 32)
	rand.Read(fresh)                                                 // never fails (crypto/rand)
	f, err := os.CreateTemp(filepath.Dir(path), keysSecretFile+".*") // mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintln(f, base64.RawURLEncoding.EncodeToString(fresh))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	// Unlike a rename, a link fails if somebody was first.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return readSecret(path)
}

func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fmt.Errorf("%s is empty: restore it, or remove it to have a new one made", path)
	}
	return secret, nil
}
