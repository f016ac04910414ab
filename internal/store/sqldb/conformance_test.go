package sqldb_test

import (
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/store/storetest"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

func TestUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunUsers(t, func(t *testing.T) user.Store {
			db, _ := open(t)
			return db.Users()
		})
	})
}

func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunAudit(t, func(t *testing.T) (audit.Log, user.Store) {
			db, _ := open(t)
			return db.Audit(), db.Users()
		})
	})
}

func TestLedger(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunLedger(t, func(t *testing.T) (session.Ledger, user.Store) {
			db, _ := open(t)
			return db.Ledger(), db.Users()
		})
	})
}

func TestSigningKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, opened func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunSigningKeys(t, func(t *testing.T) (here, there token.Keys) {
			db, url := opened(t)
			return db.SigningKeys(), open(t, url).SigningKeys()
		})
	})
}

func TestTickets(t *testing.T) {
	onBoth(t, func(t *testing.T, opened func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunTickets(t, func(t *testing.T) (here, there user.Tickets) {
			db, url := opened(t)
			return db.Tickets(), open(t, url).Tickets()
		})
	})
}

func TestClients(t *testing.T) {
	onBoth(t, func(t *testing.T, opened func(t *testing.T) (*sqldb.DB, string)) {
		storetest.RunClients(t, func(t *testing.T) (here, there oauth.Clients) {
			db, url := opened(t)
			return db.Clients(), open(t, url).Clients()
		})
	})
}
