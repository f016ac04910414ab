-- +goose Up

-- SQLite alone has an index here. PostgreSQL would have to look up the row in most
-- cases all the same, to see whether it is visible, and could no longer raise an
-- epoch without touching an index.
