package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// A page that is mapped and is not there, as when the disk fails or somebody has
// cut the file: an error, and not the end of the program; nor is anybody let in,
// or told that the session has ended.
func TestMappedFileThatIsCut(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "g.db")
	db := migrated(t, path)
	must(t, db.WithoutSync(ctx))
	raw := rawPool(t, path)
	var ids []session.ID
	for i := range 200 {
		u := newUser(t, db, fmt.Sprint("u", i), user.RoleUser)
		ids = append(ids, start(t, db, u.ID, u.Username).ID)
	}
	must(t, second(raw.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)))
	must(t, second(db.Shortcut(ctx, ids[0]))) // it is mapped now
	whole, err := os.ReadFile(path)
	must(t, err)
	for range 3 {
		must(t, os.Truncate(path, 4096))
		unreadable := 0
		for _, id := range ids {
			var ended *session.EndedError
			switch _, err := db.Sessions().Find(ctx, id); {
			case errors.As(err, &ended):
				t.Fatalf("ended: %v", err)
			case err != nil:
				unreadable++
			}
		}
		if unreadable == 0 {
			t.Error("all sessions are read from a file without them")
		}
		must(t, os.WriteFile(path, whole, 0o600))
		for _, id := range ids {
			if _, err := db.Shortcut(ctx, id); err != nil {
				t.Fatalf("the file is whole again: %v", err)
			}
		}
	}
}
