package sqldb

import (
	"context"
	"database/sql"
	"sync"
)

// prepared is a pool, or a transaction, that compiles each query only once.
// Compiling is two thirds of what it costs SQLite to check a session, and was a
// fifth of /mypage. pgx does the same for PostgreSQL, in a way that the URL can turn
// off for poolers in between which cannot bear it.
type prepared struct {
	preparer
	mu         sync.RWMutex
	statements map[string]*sql.Stmt // by query
}

// preparer is a querier that can be asked to compile.
type preparer interface {
	querier
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// maxPrepared bounds what is remembered. The queries are the constants of this
// package and few more, made of what is searched for; those come too late once
// there are so many.
const maxPrepared = 128

// QueryRowContext is that of sql.DB.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.preparer.QueryRowContext(ctx, query, args...)
}

// QueryContext is that of sql.DB.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.preparer.QueryContext(ctx, query, args...)
}

// ExecContext is that of sql.DB.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.preparer.ExecContext(ctx, query, args...)
}

// statement returns query compiled; nil if that cannot be, which asking it as it
// is will say.
func (p *prepared) statement(ctx context.Context, query string) *sql.Stmt {
	p.mu.RLock()
	s, n := p.statements[query], len(p.statements)
	p.mu.RUnlock()
	if s != nil || n >= maxPrepared {
		return s
	}
	s, err := p.preparer.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.statements[query]; first != nil {
		s.Close()
		return first
	}
	if p.statements == nil {
		p.statements = map[string]*sql.Stmt{}
	}
	p.statements[query] = s
	return s
}
