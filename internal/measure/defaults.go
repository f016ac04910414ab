package measure

import (
	"context"
	"net/netip"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// Limits are the defaults of the configuration.
var Limits = session.Limits{
	Idle:             time.Hour,
	Lifetime:         12 * time.Hour,
	RememberIdle:     14 * 24 * time.Hour,
	RememberLifetime: 30 * 24 * time.Hour,
}

// LedgerLease is how long checks go on without word from the database, by default.
const LedgerLease = time.Minute

// CookieName is the name of the session cookie by default.
const CookieName = "__Host-session"

// A log-in as sessions usually record it.
var (
	ClientIP = netip.MustParseAddr("203.0.113.77")
	Device   = session.Device{Browser: "Chrome", OS: "Windows"}
)

// Somebody returns a user of whom nothing is stored.
func Somebody() user.User {
	return user.User{ID: user.NewID(), Username: "minjun07", Role: user.RoleUser}
}

// OpenSQL opens the database at url, a file or postgres://…, with all tables.
func OpenSQL(ctx context.Context, url string) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if _, err := db.Migrate(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
