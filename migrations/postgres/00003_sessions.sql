-- +goose Up

-- Sessions of the embedded default. An ended row stays until its deadline as a
-- tombstone that says why, without what was personal in it.
--
-- last_seen has no index on purpose: PostgreSQL can then move it in place.
CREATE TABLE sessions (
    id         TEXT COLLATE "C" PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL,
    username   TEXT             NOT NULL,
    role       TEXT             NOT NULL,
    epoch_all  BIGINT           NOT NULL,
    epoch_user BIGINT           NOT NULL,
    began      BIGINT           NOT NULL,
    last_seen  BIGINT           NOT NULL,
    idle_ms    BIGINT           NOT NULL,
    deadline   BIGINT           NOT NULL,
    remember   BOOLEAN          NOT NULL,
    ip         TEXT             NOT NULL,
    browser    TEXT             NOT NULL,
    os         TEXT             NOT NULL,
    data       BYTEA,
    ended_at   BIGINT,
    reason     TEXT,
    successor  TEXT COLLATE "C"
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_epoch ON sessions (epoch_all) WHERE ended_at IS NULL;
CREATE INDEX sessions_deadline ON sessions (deadline);
