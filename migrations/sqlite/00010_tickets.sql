-- +goose Up

-- Log-ins whose password has been checked and that wait for the person to say
-- which session is to end. hash is the SHA-256 of what stands for it, a random number
-- among it (package user).
CREATE TABLE tickets (
    hash    BLOB    PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT;
