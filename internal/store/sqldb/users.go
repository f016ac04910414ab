package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"gatehouse/internal/user"
)

// Users keeps the accounts.
type Users struct{ db *DB }

var _ user.Store = (*Users)(nil)

// Users returns the accounts in db.
func (db *DB) Users() *Users { return &Users{db} }

const selectUsers = `
	SELECT u.id, u.username, u.name, u.email, u.role, u.password_hash,
	       e.epoch, u.epoch, u.created_at, u.disabled_at
	FROM users u CROSS JOIN everyone e `

// whereID is for the user $1.
const whereID = `WHERE u.id = $1`

func scanUser(row interface{ Scan(...any) error }) (user.User, error) {
	var (
		u        user.User
		created  int64
		disabled sql.NullInt64
	)
	err := row.Scan(&u.ID, &u.Username, &u.Name, &u.Email, &u.Role, &u.PasswordHash,
		&u.Epoch.All, &u.Epoch.User, &created, &disabled)
	u.CreatedAt, u.DisabledAt = fromMillis(created), fromNullMillis(disabled)
	return u, err
}

// readUser reads from d, which has been asked about id, what scanUser scans.
func readUser(d *direct, id user.ID) (user.User, error) {
	all, own := d.integer(6), d.integer(7)
	if !isEpoch(all) || !isEpoch(own) {
		return user.User{}, errUsualWay
	}
	u := user.User{ID: id, Username: d.text(1), Name: d.text(2), Email: d.text(3), Role: user.Role(d.text(4)), PasswordHash: d.text(5),
		Epoch: user.Epoch{All: uint32(all), User: uint32(own)}, CreatedAt: fromMillis(d.integer(8))}
	if !d.null(9) {
		u.DisabledAt = fromMillis(d.integer(9))
	}
	return u, nil
}

// Create implements user.Store.
func (s *Users) Create(ctx context.Context, u user.User) error {
	return s.db.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return insertUser(ctx, tx, u)
	})
}

func insertUser(ctx context.Context, tx *sql.Tx, u user.User) error {
	added, err := affected(tx.ExecContext(ctx, `
		INSERT INTO users (id, username, name, email, email_key, search, role, password_hash, epoch, created_at, disabled_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)
		ON CONFLICT DO NOTHING`,
		u.ID, u.Username, storable(u.Name), u.Email, null(emailKey(u.Email)), searchKey(u.Username, storable(u.Name), u.Email),
		u.Role, u.PasswordHash, millis(u.CreatedAt), nullMillis(u.DisabledAt)))
	if err != nil || added > 0 {
		return err
	}
	// A statement of its own sees the row that was in the way, whichever
	// transaction it came from.
	var sameName, sameEmail bool
	err = tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM users WHERE username = $1), EXISTS (SELECT 1 FROM users WHERE email_key = $2)`,
		u.Username, null(emailKey(u.Email))).Scan(&sameName, &sameEmail)
	switch {
	case err != nil:
		return err
	case sameName:
		return user.ErrUsernameTaken
	case sameEmail:
		return user.ErrEmailTaken
	}
	return fmt.Errorf("sqldb: user id %s is in use", u.ID)
}

// emailKey makes addresses comparable without regard to case.
func emailKey(email string) string { return strings.ToLower(email) }

// searchKey is the text that List searches. It is made here because databases
// disagree on what lower case is outside ASCII.
func searchKey(parts ...string) string {
	return strings.ToLower(norm.NFC.String(strings.Join(parts, "\n")))
}

// ByID implements user.Store.
func (s *Users) ByID(ctx context.Context, id user.ID) (user.User, error) {
	if s.db.shortcut != nil {
		u, err := s.db.shortcut.user(ctx, id)
		switch {
		case err == nil:
			return u, nil
		case errors.Is(err, sql.ErrNoRows):
			return user.User{}, user.ErrNotFound
		}
	}
	return s.one(ctx, whereID, string(id))
}

// ByLogin implements user.Store.
func (s *Users) ByLogin(ctx context.Context, login string) (user.User, error) {
	if !strings.Contains(login, "@") {
		return s.one(ctx, "WHERE u.username = $1", login)
	}
	// A username is never an address, but if the rules for names changed, it
	// would go first: an address can be another person's claim.
	return s.one(ctx, `WHERE u.username = $1 OR u.email_key = $2
		ORDER BY CASE WHEN u.username = $3 THEN 0 ELSE 1 END LIMIT 1`, login, emailKey(login), login)
}

func (s *Users) one(ctx context.Context, where string, args ...any) (u user.User, err error) {
	for _, arg := range args {
		if text, ok := arg.(string); ok && !askable(text) {
			return user.User{}, user.ErrNotFound
		}
	}
	err = s.db.read(ctx, readTimeout, func(ctx context.Context, q querier) error {
		u, err = scanUser(q.QueryRowContext(ctx, selectUsers+where, args...))
		if errors.Is(err, sql.ErrNoRows) {
			return user.ErrNotFound
		}
		return err
	})
	return u, err
}

// defaultLimit is what a zero Query.Limit means.
const defaultLimit = 50

// List implements user.Store.
func (s *Users) List(ctx context.Context, query user.Query) (users []user.User, total int, err error) {
	if query.Limit == 0 {
		query.Limit = defaultLimit
	}
	pattern := "%" + literal(searchKey(storable(query.Text))) + "%"
	err = s.db.read(ctx, listTimeout, func(ctx context.Context, q querier) error {
		users = nil
		err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM users WHERE search LIKE $1 ESCAPE '\'`, pattern).Scan(&total)
		if err != nil {
			return err
		}
		return each(ctx, q, func(rows *sql.Rows) error {
			u, err := scanUser(rows)
			users = append(users, u)
			return err
		}, selectUsers+`WHERE u.search LIKE $1 ESCAPE '\' AND u.username > $2 ORDER BY u.username LIMIT $3 OFFSET $4`,
			pattern, storable(query.After), query.Limit, query.Offset)
	})
	return users, total, err
}

// literal takes from % and _ the meaning they have in LIKE.
func literal(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
