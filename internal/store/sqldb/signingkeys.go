package sqldb

import (
	"context"
	"database/sql"

	"gatehouse/internal/token"
)

// SigningKeys keeps the keys that sign access tokens. It implements token.Keys.
type SigningKeys struct{ db *DB }

// SigningKeys returns the keys in db.
func (db *DB) SigningKeys() *SigningKeys { return &SigningKeys{db} }

// List implements token.Keys.
func (s *SigningKeys) List(ctx context.Context) (all []token.Key, err error) {
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		return each(ctx, q, func(rows *sql.Rows) error {
			var k token.Key
			var created, signs int64
			err := rows.Scan(&k.ID, &k.Seq, &k.Alg, &k.Public, &k.Private, &created, &signs)
			k.Created, k.Signs = fromMillis(created), fromMillis(signs)
			all = append(all, k)
			return err
		}, `SELECT kid, seq, alg, public, private, created, signs_from FROM signing_keys ORDER BY seq`)
	})
	return all, err
}

// Add implements token.Keys. PostgreSQL has whoever comes second wait for the
// first to commit, and then do nothing.
func (s *SigningKeys) Add(ctx context.Context, k token.Key) error {
	n, err := s.db.exec(ctx, `
		INSERT INTO signing_keys (kid, seq, alg, public, private, created, signs_from)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		k.ID, k.Seq, string(k.Alg), k.Public, k.Private, millis(k.Created), millis(k.Signs))
	if err == nil && n == 0 {
		return token.ErrKeyTaken
	}
	return err
}

// Delete implements token.Keys.
func (s *SigningKeys) Delete(ctx context.Context, id string) (bool, error) {
	if !askable(id) {
		return false, nil
	}
	n, err := s.db.exec(ctx, `DELETE FROM signing_keys WHERE kid = $1`, id)
	return n > 0, err
}
