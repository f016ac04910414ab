package redisdb

import (
	"strconv"
	"strings"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Ids are kept as the bytes that they are written of: Redis hands out memory in
// steps, and this is what brings the keys, the members of the index and the
// records of most sessions one step down each. keys and names.lua build the same
// names; scripts get ids in this form and return them in it.

// keys names the keys of a store: those of one tag, which is between the kind of
// the key and the rest; empty where all are on one server.
type keys string

func (k keys) session(id session.ID) string   { return k.sessions() + packID(id) }
func (k keys) sessions() string               { return "s:" + string(k) }
func (k keys) tombstone(id session.ID) string { return k.tombstones() + packID(id) }
func (k keys) tombstones() string             { return "x:" + string(k) }

// index is named by so much of a user's id as fits 16 bytes with the rest of
// what Redis adds; 13 random bytes are nobody else's either.
func (k keys) index(u user.ID) string {
	raw := packUser(u)
	if len(raw) == userBytes {
		raw = raw[:indexBytes]
	}
	return k.indexes() + raw
}

func (k keys) indexes() string { return "u" + string(k) }

const (
	idBytes    = 32
	userBytes  = 16
	indexBytes = 13
)

func (k keys) epochs() string   { return "e:" + string(k) }
func (k keys) everyone() string { return "e" + string(k) }
func (k keys) seq() string      { return "seq" + string(k) }
func (k keys) ledger() string   { return "ledger" + string(k) }
func (k keys) ending() string   { return "ending" + string(k) }
func (k keys) live() string     { return "live" + string(k) }
func (k keys) liveTurn() string { return "live:turn" + string(k) }
func (k keys) count(all uint32) string {
	return "count:" + string(k) + strconv.FormatUint(uint64(all), 10)
}

// packID returns id in the form in which keys and scripts have it: "" for none;
// a text that is no id so that it is none in this form either.
func packID(id session.ID) string {
	if sum, ok := id.Sum(); ok {
		return string(sum[:])
	}
	return packText(string(id), idBytes)
}

// unpackID is the inverse.
func unpackID(raw string) session.ID {
	if len(raw) == idBytes {
		return session.IDOfSum([idBytes]byte([]byte(raw)))
	}
	return session.ID(unpackText(raw))
}

func packUser(u user.ID) string {
	if b, ok := u.Bytes(); ok {
		return string(b[:])
	}
	return packText(string(u), userBytes)
}

func unpackUser(raw string) user.ID {
	if len(raw) == userBytes {
		return user.IDOfBytes([userBytes]byte([]byte(raw)))
	}
	return user.ID(unpackText(raw))
}

// packText marks a text that is not what n bytes are written as, so that it
// cannot be taken for n bytes.
func packText(text string, n int) string {
	switch {
	case text == "":
		return ""
	case len(text)+1 == n:
		return "??" + text
	}
	return "?" + text
}

func unpackText(raw string) string { return strings.TrimLeft(raw, "?") }

func packIDs(args []any, ids []session.ID) []any {
	for _, id := range ids {
		args = append(args, packID(id))
	}
	return args
}

func unpackIDs(raw []string) []session.ID {
	ids := make([]session.ID, len(raw))
	for i, one := range raw {
		ids[i] = unpackID(one)
	}
	return ids
}
