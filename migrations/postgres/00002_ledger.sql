-- +goose Up

-- The ledger of ends. Each row ends one session (session_id), all sessions of
-- a user begun before epoch_user (user_id; keep_id stays), or everyone's begun
-- before epoch_all. seq comes from turns, so that it has no gaps and a row
-- never becomes visible after one with a greater number.
CREATE TABLE ends (
    seq        BIGINT           PRIMARY KEY,
    session_id TEXT COLLATE "C",
    user_id    TEXT COLLATE "C",
    epoch_user BIGINT,
    epoch_all  BIGINT,
    keep_id    TEXT COLLATE "C",
    reason     TEXT             NOT NULL,
    actor      TEXT             NOT NULL,
    at         BIGINT           NOT NULL
);
CREATE INDEX ends_user ON ends (user_id, epoch_user) WHERE user_id IS NOT NULL;
CREATE INDEX ends_all ON ends (epoch_all) WHERE epoch_all IS NOT NULL;
CREATE INDEX ends_at ON ends (at);
