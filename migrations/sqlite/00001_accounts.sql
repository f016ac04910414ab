-- +goose Up

-- One row. Raising epoch ends every session there is.
CREATE TABLE everyone (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO everyone (id, epoch) VALUES (1, 0);

-- A row per thing that transactions must do one after the other: whoever has
-- updated the row goes first, the others wait for the commit.
CREATE TABLE turns (
    name TEXT    PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT;
INSERT INTO turns (name, n) VALUES ('admins', 0), ('ledger', 0);

CREATE TABLE users (
    id            TEXT    PRIMARY KEY,
    username      TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    email         TEXT    NOT NULL, -- as typed, '' if none
    email_key     TEXT    UNIQUE, -- lower case, NULL if none
    search        TEXT    NOT NULL, -- username, name and e-mail, lower case: databases disagree on lower()
    role          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    epoch         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER
) STRICT;
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

CREATE TABLE setup_codes (
    hash    TEXT    PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT;
