package measure

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"

	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
)

// OpenRedis opens the Redis at url as the program does: behind the gate, which
// until ctx ends holds it to the ledger in db. The caller closes it.
func OpenRedis(ctx context.Context, url string, db *sqldb.DB) (*redisdb.Store, error) {
	store := redisdb.Open(url, Limits.Longest())
	name, err := db.Patient().Settings().Secret(ctx, "ledger-name", 16)
	if err == nil {
		err = store.Follow(ctx, redisdb.Gate{
			Ledger: db.Ledger(),
			Name:   hex.EncodeToString(name),
			Lease:  LedgerLease,
			Log:    slog.New(slog.DiscardHandler),
		})
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}
