package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

// stores are the databases of the chosen set-up.
type stores struct {
	db       *sqldb.DB
	redis    *redisdb.Store // nil: sessions are in db
	sessions session.Store
	ledger   session.Ledger // of db
	events   session.Events // of sessions
}

// openStores opens what c names. longest is the longest lifetime of a session.
func openStores(ctx context.Context, c config.StoreConfig, longest time.Duration) (*stores, error) {
	url := c.DatabaseURL.Reveal()
	if url == "" {
		url = filepath.Join(c.DataDir, "gatehouse.db")
	}
	db, err := sqldb.Open(ctx, url)
	if errors.Is(err, user.ErrUnavailable) && !c.DatabaseURL.IsEmpty() {
		return nil, fmt.Errorf("the database does not answer: start it, or correct GATEHOUSE_DATABASE_URL\n%w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	embedded := db.Sessions()
	s := &stores{db: db, sessions: embedded, ledger: db.Ledger(), events: embedded}
	if !c.RedisURL.IsEmpty() {
		s.redis = redisdb.Open(c.RedisURL.Reveal(), longest)
		s.sessions, s.events = s.redis, s.redis
	}
	return s, nil
}

// Close closes all of them.
func (s *stores) Close() error {
	var err error
	if s.redis != nil {
		err = s.redis.Close()
	}
	return errors.Join(err, s.db.Close())
}

// commandLongest stands for the longest lifetime where a command, which does
// not know the server's deadlines, leaves a tombstone for an unreadable record.
const commandLongest = 30 * 24 * time.Hour

// openForCommand opens the stores for a command beside the server. An empty
// database is made ready; one of an older version is left to migrate, because
// an older server may be running on it.
func openForCommand(ctx context.Context, p program, settings config.Stores) (*stores, error) {
	c, err := settings.Resolve(p.environ)
	if err != nil {
		return nil, usageError{err}
	}
	p.warnUnknown(c.Unknown)
	s, err := openStores(ctx, c, commandLongest)
	if err != nil {
		return nil, err
	}
	s.db = s.db.Patient()
	if s.redis == nil {
		s.sessions = s.db.Sessions()
	}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// withStores opens the stores for a command, runs f and closes them.
func withStores(ctx context.Context, p program, settings config.Stores, f func(*stores) error) (err error) {
	s, err := openForCommand(ctx, p, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(s)
}

func (s *stores) ready(ctx context.Context) error {
	schema, err := s.db.Schema(ctx)
	switch {
	case err != nil:
		return err
	case schema.Have == 0:
		_, err = s.db.Migrate(ctx)
		return err
	case schema.Have < schema.Want:
		return fmt.Errorf("the database is at version %d and this program needs %d: run gatehouse migrate, or restart the server with this program", schema.Have, schema.Want)
	}
	return nil
}

// warnUnknown says which variables look like settings and are none.
func (p program) warnUnknown(names []string) {
	for _, name := range names {
		fmt.Fprintf(p.stderr, "gatehouse: warning: %s is not a setting of this program; is it misspelt?\n", name)
	}
}

// manager returns a manager of the sessions, for commands that start none.
func (s *stores) manager() *session.Manager {
	return session.NewManager(s.sessions, s.db.Ledger(), session.Limits{}, time.Now)
}
