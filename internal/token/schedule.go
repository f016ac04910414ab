package token

import (
	"cmp"
	"slices"
	"time"
)

// The times in the life of keys and tokens.
const (
	// MaxLifetime is the longest that an access token can count.
	MaxLifetime = 15 * time.Minute
	// Leeway is how far the clock of the node that signed may be ahead of that
	// of the node that verifies: a token may say that it was issued, or begins
	// to count, that far in the future. It never makes a token count longer.
	Leeway = 5 * time.Second
	// Announce is how long a key is published before it signs, hence how long
	// other services may keep what they have read.
	Announce = 5 * time.Minute
	// ReloadEvery is how often a node reads the list of keys, hence how long
	// a revoked key can still count on it, if the database answers it.
	ReloadEvery = 5 * time.Second
	// staleAfter is how long a node signs by a list that it could not read
	// again: it may have missed that another key signs now.
	staleAfter = time.Minute
	// verifiesFor is how long a key verifies after the next one has begun to
	// sign. A node that did not know signs for staleAfter, a token counts for
	// MaxLifetime, and clocks differ.
	verifiesFor = MaxLifetime + staleAfter + Leeway
	// soon is when a key may sign that replaces another ahead of time: when
	// every node has read of it.
	soon = 2 * ReloadEvery
)

// State is where a key is in its life.
type State string

// The states, in their order.
const (
	Announced State = "announced" // published, does not sign yet
	Signing   State = "signing"
	Retired   State = "retired" // another signs; verifies until its last token has expired
	Past      State = "past"    // verifies no more; about to be removed
)

// Scheduled is a key with what the clock makes of it.
type Scheduled struct {
	Key
	State State
	// Until is when it stops verifying; zero while no other key is to follow.
	Until time.Time
}

// Schedule returns the keys in the order in which they sign, with their states
// at now. Of those that may sign, the last to begin does. If none may yet, the
// first to come does: clocks differ, and there is always somebody who signs.
func Schedule(keys []Key, now time.Time) []Scheduled {
	all := make([]Scheduled, len(keys))
	for i, k := range keys {
		all[i].Key = k
	}
	slices.SortFunc(all, func(a, b Scheduled) int {
		return cmp.Or(a.Signs.Compare(b.Signs), cmp.Compare(a.Seq, b.Seq))
	})
	signs := 0
	for i := range all {
		if !all[i].Signs.After(now) {
			signs = i
		}
	}
	for i := range all {
		if i+1 < len(all) {
			all[i].Until = all[i+1].Signs.Add(verifiesFor)
		}
		switch {
		case i > signs:
			all[i].State = Announced
		case i == signs:
			all[i].State = Signing
		case now.Before(all[i].Until):
			all[i].State = Retired
		default:
			all[i].State = Past
		}
	}
	return all
}

// nextSeq returns the number of the next key.
func nextSeq(keys []Key) int64 {
	var last int64
	for _, k := range keys {
		last = max(last, k.Seq)
	}
	return last + 1
}

// signing returns the one that signs; there is one unless there are none.
func signing(keys []Scheduled) (Scheduled, bool) {
	i := slices.IndexFunc(keys, func(k Scheduled) bool { return k.State == Signing })
	if i < 0 {
		return Scheduled{}, false
	}
	return keys[i], true
}
