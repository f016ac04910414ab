package token

import (
	"crypto/sha256"
	"sync"
)

// memo remembers what tokens said whose signature has been verified, so that a
// token shown again costs a hash. It remembers nothing else: not that the
// session lives, and not past the token's end or its key's.
//
// It is bounded by two generations: when the young one is full it becomes the
// old one, and what was old is forgotten. Only tokens of ours get in, so
// nobody can fill it with inventions.
type memo struct {
	mu         sync.RWMutex
	half       int // entries in a generation
	young, old map[[sha256.Size]byte]remembered
}

type remembered struct {
	claims Claims
	key    *public
}

func newMemo(size int) *memo {
	return &memo{half: max(1, size/2), young: map[[sha256.Size]byte]remembered{}}
}

// get returns what the token with that hash says, if its signature is known to
// be right, its key is still there and its time has not come.
func (m *memo) get(sum [sha256.Size]byte, keys *Keyring) (Claims, bool) {
	if m == nil {
		return Claims{}, false
	}
	m.mu.RLock()
	r, ok := m.young[sum]
	if !ok {
		r, ok = m.old[sum]
	}
	m.mu.RUnlock()
	if !ok {
		return Claims{}, false
	}
	// The same key, not one of the same name.
	if keys.known(r.key.id) != r.key || !keys.now().Before(r.claims.Expires) {
		m.drop(sum)
		return Claims{}, false
	}
	return r.claims, true
}

func (m *memo) put(sum [sha256.Size]byte, c Claims, key *public) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.half {
		m.old, m.young = m.young, make(map[[sha256.Size]byte]remembered, m.half)
	}
	m.young[sum] = remembered{c, key}
}

func (m *memo) drop(sum [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, sum)
	delete(m.old, sum)
}
