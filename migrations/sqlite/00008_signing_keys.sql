-- +goose Up

-- Keys that sign access tokens. seq decides between nodes that add at once.
-- private is sealed if there is a secret to seal it with; public never is.
CREATE TABLE signing_keys (
    kid        TEXT    PRIMARY KEY,
    seq        INTEGER NOT NULL UNIQUE,
    alg        TEXT    NOT NULL,
    public     BLOB    NOT NULL,
    private    BLOB    NOT NULL,
    created    INTEGER NOT NULL,
    signs_from INTEGER NOT NULL
) STRICT;
