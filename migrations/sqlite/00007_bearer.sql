-- +goose Up

-- client is the name that an API client gave itself, '' for none. refresh is
-- what is known of the refresh tokens of a bearer session (package session,
-- AppendRefresh); a session in a cookie has none.
ALTER TABLE sessions ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN refresh BLOB;
