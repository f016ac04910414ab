package redisdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Inspection is how everything that the store keeps hangs together.
type Inspection struct {
	Keys       int
	Sessions   int // records that can be read
	Unreadable int // records that cannot (I12): they end when somebody asks for them
	Indexes    int // users in whose index there is anything
	Indexed    int // entries of indexes whose session has a record
	Lapsed     int // entries whose session has expired by itself; the user's next log-in or list drops them
	Tombstones int
	Flaws      []Flaw // the first maxFlaws of them
	Flawed     int    // how many there are
}

// Flaw is something that must not be.
type Flaw struct {
	Key  string
	What string // one of the Flaw… texts
}

// What may be wrong.
const (
	// FlawNoRecord: an entry of an index whose time has not come, and no session.
	FlawNoRecord = "an index entry without a session"
	// FlawNoEntry: a session that the end of its user would miss (I3).
	FlawNoEntry = "a session that is not in its user's index"
	// FlawEarly: an entry, or a whole index, that goes before its session does,
	// so that an end of the user would miss that.
	FlawEarly = "an index that forgets a session before it ends"
	// FlawOwner: an entry for a session of somebody else.
	FlawOwner = "a session in the index of another user"
	// FlawEternal: a key that nothing will ever remove.
	FlawEternal = "a key without an expiry"
	// FlawForeign: a key that doc.go does not know.
	FlawForeign = "a key that is none of this store's"
)

const (
	maxFlaws = 20
	// inspectedAtOnce is how many indexes are read in one round trip: an index
	// may be long.
	inspectedAtOnce = 50
)

// Inspect looks at every key. It is for tests, which hold a store to its layout
// after a long run: it reads everything, in steps of milliseconds, and keeps the
// ids of all sessions in memory. What changes meanwhile is no flaw, because all
// that looks like one is looked at once more, in the order in which it could not
// look so by accident: sessions come after their entries and go before them.
func (s *Store) Inspect(ctx context.Context) (Inspection, error) {
	if s.cluster != nil {
		return Inspection{}, errors.New("redisdb: a cluster is not looked at")
	}
	i := inspector{store: s, indexed: map[session.ID]bool{}}
	err := s.scanKeys(ctx, s.keys.indexes()+"*", func(keys []string) error {
		for some := range slices.Chunk(keys, inspectedAtOnce) {
			if err := i.indexes(ctx, some); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.scanKeys(ctx, "*", func(keys []string) error { return i.keys(ctx, keys) })
	}
	return i.found, err
}

type inspector struct {
	store   *Store
	found   Inspection
	indexed map[session.ID]bool // in some index; true once its record has been counted
}

func (i *inspector) flaw(key, what string) {
	i.found.Flawed++
	if len(i.found.Flaws) < maxFlaws {
		i.found.Flaws = append(i.found.Flaws, Flaw{key, what})
	}
}

// ask sends the commands in one go, patiently, and returns the replies.
func (i *inspector) ask(ctx context.Context, commands ...[]any) (replies []any, err error) {
	err = patiently(ctx, func() error {
		return i.store.client.do(ctx, func(c boundConn) error {
			for _, words := range commands {
				if err := c.Send(words[0].(string), words[1:]...); err != nil {
					return err
				}
			}
			replies, err = redis.Values(c.Do(""))
			return err
		})
	})
	return replies, err
}

// recordsOf returns the records of the sessions, nil for one that has none.
func (i *inspector) recordsOf(ctx context.Context, ids []session.ID) ([][]byte, error) {
	get := []any{"MGET"}
	for _, id := range ids {
		get = append(get, i.store.keys.session(id))
	}
	replies, err := i.ask(ctx, get)
	if err != nil {
		return nil, err
	}
	return redis.ByteSlices(replies[0], nil)
}

// entry is what an index says of a session.
type entry struct {
	key  string
	id   session.ID
	ends int64 // Unix ms, up to a second late
	till int64 // when the whole index goes; -1: never
}

// indexes looks at the indexes in keys, which may be gone by now.
func (i *inspector) indexes(ctx context.Context, keys []string) error {
	var commands [][]any
	for _, key := range keys {
		commands = append(commands, []any{"ZRANGE", key, 0, -1, "WITHSCORES"}, []any{"PEXPIRETIME", key})
	}
	replies, err := i.ask(ctx, commands...)
	if err != nil {
		return err
	}
	var entries []entry
	for n, key := range keys {
		pairs, err := redis.Strings(replies[2*n], nil)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if len(pairs) == 0 {
			continue
		}
		i.found.Indexes++
		till, err := redis.Int64(replies[2*n+1], nil)
		if err != nil {
			return err
		}
		for ; len(pairs) > 0; pairs = pairs[2:] {
			ends, err := redis.Int64([]byte(pairs[1]), nil)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			entries = append(entries, entry{key, unpackID(pairs[0]), ends * 1000, till})
		}
	}
	for some := range slices.Chunk(entries, scanCount) {
		if err := i.entries(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// entries looks at entries of indexes.
func (i *inspector) entries(ctx context.Context, entries []entry) error {
	ids := make([]session.ID, len(entries))
	for n, e := range entries {
		ids[n] = e.id
	}
	records, err := i.recordsOf(ctx, ids)
	if err != nil {
		return err
	}
	for n, e := range entries {
		i.indexed[e.id] = false
		if records[n] == nil {
			if err := i.withoutRecord(ctx, e); err != nil {
				return err
			}
			continue
		}
		i.found.Indexed++
		one, err := decodeRecord(e.id, records[n])
		switch {
		case err != nil: // counted with the records
		case i.store.keys.index(one.User) != e.key:
			i.flaw(e.key, FlawOwner)
		case e.early(one):
			if err := i.again(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// early reports whether e or its index goes before the session does.
func (e entry) early(s session.Session) bool {
	return e.ends < s.Ends().UnixMilli() || e.till >= 0 && e.till < s.Deadline.UnixMilli()
}

// withoutRecord looks again at an entry of which there was no record: none comes
// for it any more.
func (i *inspector) withoutRecord(ctx context.Context, e entry) error {
	replies, err := i.ask(ctx, []any{"ZSCORE", e.key, packID(e.id)})
	if err != nil || replies[0] == nil {
		return err // it has ended meanwhile
	}
	if e.ends <= time.Now().Add(2*time.Second).UnixMilli() { // by Redis' clock, which removes records
		i.found.Lapsed++
		return nil
	}
	i.flaw(e.key, FlawNoRecord)
	return nil
}

// again looks again at an entry, or its index, that seemed to go before the
// session: the record first, since both move on together.
func (i *inspector) again(ctx context.Context, e entry) error {
	replies, err := i.ask(ctx, []any{"GET", i.store.keys.session(e.id)}, []any{"ZSCORE", e.key, packID(e.id)}, []any{"PEXPIRETIME", e.key})
	if err != nil || replies[0] == nil || replies[1] == nil {
		return err
	}
	record, err := redis.Bytes(replies[0], nil)
	if err != nil {
		return err
	}
	one, err := decodeRecord(e.id, record)
	if err != nil {
		return nil
	}
	if e.ends, err = redis.Int64(replies[1], nil); err != nil {
		return err
	}
	e.ends *= 1000
	if e.till, err = redis.Int64(replies[2], nil); err == nil && e.early(one) {
		i.flaw(e.key, FlawEarly)
	}
	return err
}

// keys looks at keys of all kinds: whether each will go some day, and at sessions.
func (i *inspector) keys(ctx context.Context, keys []string) error {
	commands := make([][]any, len(keys))
	for n, key := range keys {
		commands[n] = []any{"PTTL", key}
	}
	replies, err := i.ask(ctx, commands...)
	if err != nil {
		return err
	}
	var ids []session.ID
	for n, key := range keys {
		ttl, err := redis.Int64(replies[n], nil)
		if err != nil {
			return err
		}
		if ttl == -2 {
			continue // gone meanwhile
		}
		if id, ok := strings.CutPrefix(key, i.store.keys.sessions()); ok {
			ids = append(ids, unpackID(id))
		}
		i.key(key, ttl >= 0)
	}
	if len(ids) == 0 {
		return nil
	}
	return i.records(ctx, ids)
}

// key counts a key and says what is wrong with it by its name.
func (i *inspector) key(key string, expires bool) {
	i.found.Keys++
	eternal := false // may it be
	kind, _, ofMany := strings.Cut(key, ":")
	switch {
	case ofMany && kind == "x":
		i.found.Tombstones++
	case strings.HasPrefix(key, i.store.keys.indexes()): // a colon in it means nothing
	case ofMany && slices.Contains([]string{"s", "e", "r", "count", "live"}, kind), key == "ending", key == "live":
	case slices.Contains([]string{"e", "seq", "ledger"}, key):
		eternal = true
	default:
		i.flaw(key, FlawForeign)
	}
	if !expires && !eternal {
		i.flaw(key, FlawEternal)
	}
}

// records looks at sessions, some of which may have ended by now.
func (i *inspector) records(ctx context.Context, ids []session.ID) error {
	records, err := i.recordsOf(ctx, ids)
	if err != nil {
		return err
	}
	for n, id := range ids {
		if records[n] == nil {
			continue
		}
		one, err := decodeRecord(id, records[n])
		if err != nil {
			i.found.Unreadable++
			continue
		}
		counted, known := i.indexed[id]
		if counted {
			continue // SCAN may return a key more than once
		}
		i.indexed[id] = true
		i.found.Sessions++
		if !known {
			if err := i.withoutEntry(ctx, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// withoutEntry looks whether one has come meanwhile, with its entry.
func (i *inspector) withoutEntry(ctx context.Context, one session.Session) error {
	replies, err := i.ask(ctx, []any{"ZSCORE", i.store.keys.index(one.User), packID(one.ID)})
	if err != nil || replies[0] != nil {
		return err
	}
	_, err = i.store.Find(ctx, one.ID)
	var ended *session.EndedError
	if errors.As(err, &ended) {
		return nil
	}
	if err == nil {
		i.flaw(i.store.keys.session(one.ID), FlawNoEntry)
	}
	return err
}
