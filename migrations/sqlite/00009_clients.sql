-- +goose Up

-- Other services that may introspect and revoke tokens. secret_hash is the
-- SHA-256 of a random secret (package oauth).
CREATE TABLE clients (
    id          TEXT    PRIMARY KEY,
    secret_hash BLOB    NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
