-- +goose Up

-- Sessions of the embedded default. An ended row stays until its deadline as a
-- tombstone that says why, without what was personal in it.
CREATE TABLE sessions (
    id         TEXT    PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    epoch_all  INTEGER NOT NULL,
    epoch_user INTEGER NOT NULL,
    began      INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    idle_ms    INTEGER NOT NULL,
    deadline   INTEGER NOT NULL,
    remember   INTEGER NOT NULL,
    ip         TEXT    NOT NULL,
    browser    TEXT    NOT NULL,
    os         TEXT    NOT NULL,
    data       BLOB,
    ended_at   INTEGER,
    reason     TEXT,
    successor  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_epoch ON sessions (epoch_all) WHERE ended_at IS NULL;
CREATE INDEX sessions_deadline ON sessions (deadline);
