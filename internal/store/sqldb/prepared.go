package sqldb

import (
	"context"
	"database/sql"
	"sync"
)

// prepared is a pool that compiles each query for one row only once.
// Compiling is two thirds of what it costs SQLite to check a session. pgx does
// the same for PostgreSQL, in a way that the URL can turn off for poolers in
// between which cannot bear it.
//
// It forgets nothing: the queries are the constants of this package.
type prepared struct {
	*sql.DB
	statements sync.Map // from query to *sql.Stmt
}

// QueryRowContext is that of sql.DB.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s, ok := p.statements.Load(query); ok {
		return s.(*sql.Stmt).QueryRowContext(ctx, args...)
	}
	s, err := p.DB.PrepareContext(ctx, query)
	if err != nil {
		return p.DB.QueryRowContext(ctx, query, args...) // only it can put an error into a Row
	}
	if first, ok := p.statements.LoadOrStore(query, s); ok {
		s.Close()
		s = first.(*sql.Stmt)
	}
	return s.QueryRowContext(ctx, args...)
}
