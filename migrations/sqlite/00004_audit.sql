-- +goose Up

CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    ip      TEXT    NOT NULL,
    device  TEXT    NOT NULL,
    note    TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_user ON audit (user_id, at, seq);
CREATE INDEX audit_at ON audit (at);
