-- +goose Up

-- One row. Raising epoch ends every session there is.
CREATE TABLE everyone (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BIGINT  NOT NULL
);
INSERT INTO everyone (id, epoch) VALUES (1, 0);

-- A row per thing that transactions must do one after the other: whoever has
-- updated the row goes first, the others wait for the commit.
CREATE TABLE turns (
    name TEXT   PRIMARY KEY,
    n    BIGINT NOT NULL
);
INSERT INTO turns (name, n) VALUES ('admins', 0), ('ledger', 0);

CREATE TABLE users (
    id            TEXT COLLATE "C" PRIMARY KEY,
    username      TEXT COLLATE "C" NOT NULL UNIQUE,
    name          TEXT             NOT NULL,
    email         TEXT             NOT NULL, -- as typed, '' if none
    email_key     TEXT COLLATE "C" UNIQUE, -- lower case, NULL if none
    search        TEXT             NOT NULL, -- username, name and e-mail, lower case: databases disagree on lower()
    role          TEXT             NOT NULL,
    password_hash TEXT             NOT NULL,
    epoch         BIGINT           NOT NULL,
    created_at    BIGINT           NOT NULL,
    disabled_at   BIGINT
);
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

CREATE TABLE setup_codes (
    hash    TEXT COLLATE "C" PRIMARY KEY,
    expires BIGINT           NOT NULL
);
