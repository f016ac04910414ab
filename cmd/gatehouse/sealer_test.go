package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Of any number of processes that start at once one makes the secret, nobody
// reads half of it, and nobody but its owner reads it at all.
func TestSecretOfKeysIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keysSecretFile)
	secrets := make([]string, 20)
	var wg sync.WaitGroup
	for i := range secrets {
		wg.Go(func() {
			var err error
			if secrets[i], err = madeSecret(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if len(s) != 43 || s != secrets[0] {
			t.Fatalf("%q and %q", s, secrets[0])
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := madeSecret(path); err == nil {
		t.Errorf("an empty file is taken for the secret %q", s)
	}
}
