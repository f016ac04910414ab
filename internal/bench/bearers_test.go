package bench

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// A node remembers the signatures of the last 10,000 tokens (cmd/gatehouse).
const (
	// fewTokens are remembered, all of them.
	fewTokens = 1000
	// manyTokens, used in turn, are forgotten before they come again.
	manyTokens = 20_000
	// bearerSessions are how many sessions they are of, unless the population is
	// smaller.
	bearerSessions = 1000
	// tokensLast is how long tokens are used before new ones are issued; they
	// count for longer (token.MaxLifetime), and a round takes less than the rest.
	tokensLast = 5 * time.Minute
)

// bearers are the bearer sessions of one server, and what signs tokens for them.
type bearers struct {
	few, many string // keys of stand.carriers
	keys      *token.Keyring
	issuer    *token.Issuer
	sessions  []session.Session
	issued    time.Time
}

// newBearers starts n sessions as the product does, on the store of the server
// that has its database in dir, after that has made its keys; a nil store is the
// database.
func newBearers(t testing.TB, s *server, dir string, store session.Store, n int, owner func(int) user.User) *bearers {
	t.Helper()
	ctx := context.Background()
	db, err := measure.OpenSQL(ctx, filepath.Join(dir, "gatehouse.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	if store == nil {
		store = db.Sessions()
	}
	refresh, err := db.Patient().Settings().Secret(ctx, "refresh-key", 32)
	must(t, err)
	m := session.NewManager(store, db.Ledger(), measure.Limits, time.Now, session.WithRefreshKey([32]byte(refresh)))
	b := &bearers{}
	b.sessions, err = measure.FillBearer(m, n, owner)
	must(t, err)

	secret, err := os.ReadFile(filepath.Join(dir, "keys.secret"))
	must(t, err)
	sealer, err := token.NewSealer(strings.TrimSpace(string(secret)))
	must(t, err)
	b.keys = token.NewKeyring(token.KeyringConfig{Keys: db.SigningKeys(), Sealer: sealer, Alg: token.EdDSA,
		Rotation: 30 * 24 * time.Hour, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	must(t, b.keys.Start(ctx, db.Patient().SigningKeys()))
	_, port, err := net.SplitHostPort(s.addr)
	must(t, err)
	url := "http://localhost:" + port // what the program takes for its public URL
	b.issuer, err = token.NewIssuer(b.keys, token.Parties{Issuer: url, Audience: url}, token.MaxLifetime)
	must(t, err)
	return b
}

// renewTokens issues new access tokens where there are none or they are old.
func (s *stand) renewTokens(t testing.TB, many int) {
	t.Helper()
	for _, b := range s.bearers {
		if time.Since(b.issued) < tokensLast {
			continue
		}
		must(t, b.keys.Reload(t.Context())) // stores have been filled for minutes meanwhile
		b.issued = time.Now()
		all := make([]string, fewTokens+many)
		for i := range all {
			var err error
			all[i], _, err = b.issuer.Issue(b.sessions[i%len(b.sessions)])
			must(t, err)
		}
		s.carry(t, b.few, "Authorization: Bearer ", all[:fewTokens])
		s.carry(t, b.many, "Authorization: Bearer ", all[fewTokens:])
	}
}
