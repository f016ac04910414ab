-- +goose Up

-- Keys that sign access tokens. seq decides between nodes that add at once.
-- private is sealed if there is a secret to seal it with; public never is.
CREATE TABLE signing_keys (
    kid        TEXT COLLATE "C" PRIMARY KEY,
    seq        BIGINT           NOT NULL UNIQUE,
    alg        TEXT             NOT NULL,
    public     BYTEA            NOT NULL,
    private    BYTEA            NOT NULL,
    created    BIGINT           NOT NULL,
    signs_from BIGINT           NOT NULL
);
