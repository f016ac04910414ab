-- +goose Up

CREATE TABLE audit (
    seq     BIGINT           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT           NOT NULL,
    kind    TEXT             NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    actor   TEXT             NOT NULL,
    ip      TEXT             NOT NULL,
    device  TEXT             NOT NULL,
    note    TEXT             NOT NULL
);
CREATE INDEX audit_user ON audit (user_id, at, seq);
CREATE INDEX audit_at ON audit (at);
