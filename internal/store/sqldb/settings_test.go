package sqldb_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"gatehouse/internal/store/sqldb"
)

func TestSecretIsMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, opened func(t *testing.T) (*sqldb.DB, string)) {
		ctx := context.Background()
		db, url := opened(t)
		nodes := []*sqldb.DB{db, open(t, url)}
		secrets := make([][]byte, 12)
		var wg sync.WaitGroup
		for i := range secrets {
			wg.Go(func() {
				var err error
				if secrets[i], err = nodes[i%2].Settings().Secret(ctx, "cursor", 32); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, s := range secrets {
			if len(s) != 32 || !bytes.Equal(s, secrets[0]) {
				t.Fatalf("nodes hold different secrets, or not of 32 bytes: %d", len(s))
			}
		}
		other, err := db.Settings().Secret(ctx, "other", 32)
		must(t, err)
		if bytes.Equal(other, secrets[0]) || bytes.Equal(other, make([]byte, 32)) {
			t.Error("two names, one secret, or none")
		}
		if _, err := db.Settings().Secret(ctx, "cursor", 16); err == nil {
			t.Error("another size was given out")
		}
	})
}
