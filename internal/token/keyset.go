package token

import (
	"bytes"
	"crypto"
	"errors"
	"log/slog"
	"time"
)

// keySet is the list of keys as read at one moment. It never changes.
type keySet struct {
	list    []Key // as stored
	keys    []Key // those that are readable
	public  map[string]*public
	private map[string]crypto.Signer // those that this node can open
	until   map[string]time.Time     // when it stops verifying; absent: not foreseen
	loaded  time.Time
}

// newKeySet reads keys. One that is unreadable costs itself and nothing else.
// Keys that last had already stay the same values.
func newKeySet(keys []Key, last *keySet, sealer *Sealer, now time.Time, log *slog.Logger) *keySet {
	s := &keySet{
		list:    keys,
		public:  map[string]*public{},
		private: map[string]crypto.Signer{},
		until:   map[string]time.Time{},
		loaded:  now,
	}
	for _, k := range keys {
		if p := last.public[k.ID]; p != nil && p.same(k) {
			s.public[k.ID] = p
			if private := last.private[k.ID]; private != nil && last.has(k) {
				s.private[k.ID] = private
			}
		} else {
			p, err := readPublic(k)
			if err != nil {
				if !last.has(k) { // said once
					log.Error("a signing key is unreadable and counts for nothing", "seq", k.Seq, "error", err.Error())
				}
				continue
			}
			s.public[k.ID] = p
		}
		if s.private[k.ID] == nil {
			private, err := readPrivate(k, s.public[k.ID], sealer)
			if err == nil {
				s.private[k.ID] = private
			} else if !last.has(k) {
				log.Warn("this node cannot sign by a key, only verify", "kid", k.ID, "error", err.Error())
			}
		}
		s.keys = append(s.keys, k)
	}
	for _, k := range Schedule(s.keys, now) {
		if !k.Until.IsZero() {
			s.until[k.ID] = k.Until
		}
	}
	return s
}

// has reports whether k was in the list, the same in its secret part.
func (s *keySet) has(k Key) bool {
	for _, one := range s.list {
		if one.ID == k.ID {
			return bytes.Equal(one.Private, k.Private)
		}
	}
	return false
}

// known returns the key of that id if it verifies at now, else nil.
func (s *keySet) known(id string, now time.Time) *public {
	if until, ends := s.until[id]; ends && !now.Before(until) {
		return nil
	}
	return s.public[id]
}

// signs is a key that signs, ready for use.
type signs struct {
	*public
	key crypto.Signer
}

var errStale = errors.New("the list of signing keys could not be read for too long")

// signs returns the key that signs at now.
func (s *keySet) signs(now time.Time) (signs, error) {
	if now.Sub(s.loaded) > staleAfter {
		return signs{}, errors.Join(ErrUnavailable, errStale)
	}
	k, ok := signing(Schedule(s.keys, now))
	if !ok {
		return signs{}, errors.Join(ErrUnavailable, errors.New("there is no signing key"))
	}
	if s.private[k.ID] == nil {
		return signs{}, errors.Join(ErrUnavailable, ErrSealed)
	}
	return signs{s.public[k.ID], s.private[k.ID]}, nil
}
