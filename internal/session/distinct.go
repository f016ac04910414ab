package session

import (
	"hash/maphash"

	"gatehouse/internal/user"
)

// distinct counts users without keeping their ids: of a million of them those
// would be a hundred megabytes that the garbage collector has to walk through.
// Two users with the same 64-bit hash count as one, which among a million happens
// once in thirty million times.
type distinct struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newDistinct() distinct {
	return distinct{maphash.MakeSeed(), map[uint64]struct{}{}}
}

func (d distinct) add(u user.ID) { d.seen[maphash.String(d.seed, string(u))] = struct{}{} }

func (d distinct) count() int { return len(d.seen) }
