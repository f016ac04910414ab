-- +goose Up

-- Other services that may introspect and revoke tokens. secret_hash is the
-- SHA-256 of a random secret (package oauth).
CREATE TABLE clients (
    id          TEXT COLLATE "C" PRIMARY KEY,
    secret_hash BYTEA            NOT NULL,
    created     BIGINT           NOT NULL
);
