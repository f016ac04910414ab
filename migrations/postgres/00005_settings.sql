-- +goose Up

-- Secrets that the program makes for itself and its nodes share.
CREATE TABLE settings (
    name  TEXT  PRIMARY KEY,
    value BYTEA NOT NULL
);
