package redisdb

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

const (
	// readBatch is how many records of one user are read at once.
	readBatch = 100
	// maxListed is how many bytes of records a list may have for the connection
	// that checks share, where they wait behind it. A hundred sessions have a
	// quarter of it, as long as handlers keep nothing in them.
	maxListed = 64 << 10
)

// ListUser implements session.Store: one round trip for a user with up to readBatch
// sessions, on the connection that checks share. Entries of the index whose session
// has expired are dropped on the way.
func (s *Store) ListUser(ctx context.Context, u user.ID, now time.Time) ([]session.Session, error) {
	s = s.home(session.ShardOf(u))
	l, err := s.list(ctx, u, now)
	if err == nil && !l.whole {
		l, err = s.listLong(ctx, u, now)
	}
	if err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(l.gone, readBatch) {
		if err := s.tidy(ctx, u, batch); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(l.found, session.LastSeenFirst)
	return l.found, nil
}

// listing is what Redis has of the sessions of a user.
type listing struct {
	found []session.Session // live ones
	gone  []session.ID      // in the index, but without a record
	whole bool              // that is all of them
	// doubtful: among the records was one that is somebody else's.
	doubtful bool
}

// list returns what list.lua says of the sessions of u.
func (s *Store) list(ctx context.Context, u user.ID, now time.Time) (listing, error) {
	q, err := s.client.look(ctx, s.keys, listScript, listArgs(u)...)
	switch {
	case errors.Is(err, errNoWire), isNoScript(err), errors.Is(err, session.ErrUnreadable):
		// Alone a script is loaded that the server lacks; and what it says is wrong
		// with a key is about the index and no record here.
		return s.listAlone(ctx, u, now)
	case err != nil:
		return listing{}, err
	}
	defer q.free()
	l, err := readListing(q.reply, u, now)
	if err != nil || l.doubtful {
		// As in find: somebody else's answer, or the server has it so.
		q.distrust()
		return s.listAlone(ctx, u, now)
	}
	return l, nil
}

// listAlone is list on a connection from the pool. What is somebody else's is in
// the server like that, and passed over.
func (s *Store) listAlone(ctx context.Context, u user.ID, now time.Time) (l listing, err error) {
	err = s.client.do(ctx, func(c boundConn) error {
		reply, err := c.look(listScript, listArgs(u)...)
		if err != nil {
			return err
		}
		l, err = readListing(reply, u, now)
		return err
	})
	return l, err
}

func listArgs(u user.ID) []any { return []any{packUser(u), readBatch, maxListed} }

// readListing reads an answer of list.lua about u; errProtocol if it is none.
func readListing(reply any, u user.ID, now time.Time) (listing, error) {
	parts, _ := reply.([]any)
	if len(parts) < 3 || len(parts)%2 == 0 || !isText(parts[0], "list") || !isText(parts[1], packUser(u)) {
		return listing{}, errProtocol
	}
	whole, ok := parts[2].(int64)
	if !ok {
		return listing{}, errProtocol
	}
	l := listing{whole: whole == 1}
	if n := len(parts[3:]) / 2; n > 0 {
		l.found = make([]session.Session, 0, n)
	}
	for pair := range slices.Chunk(parts[3:], 2) {
		name, ok := pair[0].([]byte)
		if !ok {
			return listing{}, errProtocol
		}
		switch record := pair[1].(type) {
		case nil:
			l.gone = append(l.gone, unpackID(string(name)))
		case []byte:
			l.add(unpackID(string(name)), record, u, now)
		default:
			return listing{}, errProtocol
		}
	}
	return l, nil
}

func isText(part any, text string) bool {
	b, ok := part.([]byte)
	return ok && string(b) == text
}

// add adds the session of a record if it is live. Unreadable ones are passed over
// (I12).
func (l *listing) add(id session.ID, record []byte, u user.ID, now time.Time) {
	one, err := decodeRecord(id, record)
	switch {
	case errors.Is(err, errAnother), err == nil && one.User != u:
		l.doubtful = true
	case err == nil && !one.ExpiredAt(now):
		l.found = append(l.found, one)
	}
}

// listLong is for who has more sessions than one answer holds. Their ids are read
// in one step: were they read in parts, by rank, one that goes in between would
// move one that lives out of the next part, and an end of all in the list would
// leave it alive. The records follow in batches, on a connection on which nobody
// else waits.
func (s *Store) listLong(ctx context.Context, u user.ID, now time.Time) (listing, error) {
	var ids []session.ID
	err := s.client.do(ctx, func(c boundConn) error {
		names, err := redis.Strings(c.Do("ZRANGE", s.keys.index(u), 0, -1))
		ids = unpackIDs(names)
		return err
	})
	if err != nil {
		return listing{}, err
	}
	l := listing{whole: true}
	for batch := range slices.Chunk(ids, readBatch) {
		found, gone, err := s.read(ctx, nil, batch, now)
		if err != nil {
			return listing{}, err
		}
		for _, one := range found {
			if one.User == u { // as in listAlone
				l.found = append(l.found, one)
			}
		}
		l.gone = append(l.gone, gone...)
	}
	return l, nil
}

// tidy drops index entries whose session has expired.
func (s *Store) tidy(ctx context.Context, u user.ID, gone []session.ID) error {
	return s.client.do(ctx, func(c boundConn) error {
		_, err := c.eval(tidyScript, packIDs([]any{packUser(u)}, gone)...)
		return err
	})
}
