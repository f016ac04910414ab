-- +goose Up

-- detail is JSON, '' for none. ip_key is the address as 32 hexadecimal digits,
-- an IPv4 address in its IPv6 form, so that a network is a range of it; '' for
-- none and for events from before this column.
ALTER TABLE audit ADD COLUMN detail TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN ip_key TEXT NOT NULL DEFAULT '';
