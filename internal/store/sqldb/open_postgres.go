package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"gatehouse/migrations"
)

const (
	// PostgreSQL allows 100 connections unless told otherwise: room for four
	// nodes and somebody with psql.
	postgresConnections = 20
	// A server that does not say hello in this time is away. Requests give up
	// sooner by themselves; this is for connections opened ahead of need.
	postgresConnectTimeout = 2 * time.Second
	// Connections are renewed so that a pool follows a failover or a load
	// balancer within reason.
	postgresConnectionAge  = 30 * time.Minute
	postgresConnectionIdle = 5 * time.Minute
)

func openPostgres(ctx context.Context, url string) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The parser's error can carry parts of the URL, hence the password.
		return nil, errors.New("database URL cannot be read; expected postgres://user:password@host:port/database")
	}
	if config.ConnectTimeout == 0 { // the URL may say connect_timeout=
		config.ConnectTimeout = postgresConnectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "gatehouse"
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConnections)
	pool.SetMaxIdleConns(postgresConnections)
	pool.SetConnMaxLifetime(postgresConnectionAge)
	pool.SetConnMaxIdleTime(postgresConnectionIdle)
	if err := ping(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return &DB{reader: pool, writer: pool, reads: pool, writes: pool, dialect: dialect{
		forShare:     " FOR SHARE",
		forOne:       " FOR NO KEY UPDATE",
		answerWithin: readTimeout,
		portions:     portionsAway,
		migrator: migrator{
			goose:       goose.DialectPostgres,
			files:       migrations.Postgres(),
			hasVersions: `SELECT to_regclass('` + versionTable + `') IS NOT NULL`,
			lock:        postgresLock,
		},
	}}, nil
}

// ping waits for the first answer. PostgreSQL that is just starting gets a
// little time; how often to come back is the caller's business.
func ping(ctx context.Context, pool *sql.DB) error {
	limited, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return explain(ctx, pool.PingContext(limited))
}
