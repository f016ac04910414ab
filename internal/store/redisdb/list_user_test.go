package redisdb_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// listed is somebody with sessions on a server that counts for nobody else.
type listed struct {
	t     *testing.T
	store *redisdb.Store
	raw   redis.Conn
	user  user.User
	ids   []session.ID
}

func newListed(t *testing.T, sessions int) *listed {
	t.Helper()
	server := testenv.RedisServer(t)
	raw, err := redis.DialURL(server.URL())
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	l := &listed{t: t, store: redisdb.Open(server.URL(), longest), raw: raw, user: measure.Somebody()}
	t.Cleanup(func() { l.store.Close() })
	tokens, err := measure.Fill(l.store, sessions, func(int) user.User { return l.user })
	must(t, err)
	for _, token := range tokens {
		l.ids = append(l.ids, session.IDOf(token))
	}
	return l
}

// want has the user's sessions listed, of which there are so many, and counts what
// that asks of the server.
func (l *listed) want(sessions, roundTrips int, what string) {
	l.t.Helper()
	if n, calls := l.cost(sessions, what); n != roundTrips {
		l.t.Errorf("%s: %d round trips, want %d: %v", what, n, roundTrips, calls)
	}
}

// cost has the user's sessions listed, of which there are so many, and returns what
// the server was asked.
func (l *listed) cost(sessions int, what string) (roundTrips int, calls measure.Calls) {
	l.t.Helper()
	before, err := measure.ReadInfo(l.raw)
	must(l.t, err)
	list, err := l.store.ListUser(context.Background(), l.user.ID, time.Now())
	must(l.t, err)
	after, err := measure.ReadInfo(l.raw)
	must(l.t, err)
	if len(list) != sessions {
		l.t.Errorf("%s: %d sessions are listed, want %d", what, len(list), sessions)
	}
	for i, one := range list {
		if one.User != l.user.ID || i > 0 && session.LastSeenFirst(list[i-1], one) >= 0 {
			l.t.Fatalf("%s: %+v in place %d", what, one, i)
		}
	}
	// One more read is the INFO that looks.
	return after.Number("total_reads_processed") - before.Number("total_reads_processed") - 1,
		after.Calls().Since(before.Calls())
}

// warm has the connections opened and the scripts known.
func (l *listed) warm() {
	l.t.Helper()
	for range 2 {
		if _, err := l.store.ListUser(context.Background(), l.user.ID, time.Now()); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *listed) do(cmd string, args ...any) any {
	l.t.Helper()
	reply, err := l.raw.Do(cmd, args...)
	must(l.t, err)
	return reply
}

func TestListIsOneRoundTrip(t *testing.T) {
	for _, sessions := range []int{0, 1, 100} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			t.Parallel()
			l := newListed(t, sessions)
			l.warm()
			l.want(sessions, 1, "as a rule")
		})
	}
}

// Lists that are too long for the connection that checks share take one of their
// own: the ids, and a hundred records at a time.
func TestListThatIsLong(t *testing.T) {
	short := measure.Calls{"EVALSHA_RO": 1, "ZRANGE": 1, "MGET": 1}
	for name, c := range map[string]struct {
		sessions, kept int // kept bytes in each
		calls          measure.Calls
	}{
		"as many as are read together": {100, 0, short},
		"one more":                     {101, 0, measure.Calls{"EVALSHA_RO": 1, "ZRANGE": 2, "MGET": 2}},
		"340 sessions":                 {340, 0, measure.Calls{"EVALSHA_RO": 1, "ZRANGE": 2, "MGET": 4}},
		"much, but not too much, kept": {3, 15 << 10, short},
		"too much kept":                {3, 30 << 10, measure.Calls{"EVALSHA_RO": 1, "ZRANGE": 2, "MGET": 2}},
		"too much kept in one":         {1, 1 << 20, measure.Calls{"EVALSHA_RO": 1, "ZRANGE": 2, "MGET": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newListed(t, c.sessions)
			for _, id := range l.ids {
				if c.kept > 0 {
					l.do("APPEND", redisdb.SessionKey(id), make([]byte, c.kept))
				}
			}
			l.warm()
			if _, calls := l.cost(c.sessions, name); !maps.Equal(calls, c.calls) {
				t.Errorf("the server was asked %v, want %v", calls, c.calls)
			}
		})
	}
}

// What is in the index without a record is dropped from it, in a write of its own,
// and nothing is written where there is nothing to drop.
func TestListTidiesTheIndex(t *testing.T) {
	for _, sessions := range []int{5, 105} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			t.Parallel()
			l := newListed(t, sessions)
			for _, id := range l.ids[:3] { // as if they had expired
				l.do("DEL", redisdb.SessionKey(id))
			}
			l.warm()
			if n := l.do("ZCARD", redisdb.IndexKey(l.user.ID)); n != int64(sessions-3) {
				t.Errorf("%d entries are left, want %d", n, sessions-3)
			}
			before, err := measure.ReadInfo(l.raw)
			must(t, err)
			l.warm()
			after, err := measure.ReadInfo(l.raw)
			must(t, err)
			if n := after.Calls().Since(before.Calls())["EVALSHA"]; n != 0 {
				t.Errorf("%d scripts that write were run", n)
			}
		})
	}
}

// Neither a record that cannot be read nor a key of another type, nor the record of
// somebody else under a key of the user's, stops the list or stands in it (I12).
func TestI12_ListPassesOver(t *testing.T) {
	l := newListed(t, 5)
	other := measure.Somebody()
	tokens, err := measure.Fill(l.store, 1, func(int) user.User { return other })
	must(t, err)
	theirs, err := redis.Bytes(l.do("GET", redisdb.SessionKey(session.IDOf(tokens[0]))), nil)
	must(t, err)
	l.do("SET", redisdb.SessionKey(l.ids[0]), "x", "KEEPTTL")
	l.do("DEL", redisdb.SessionKey(l.ids[1]))
	l.do("RPUSH", redisdb.SessionKey(l.ids[1]), "x")
	l.do("SET", redisdb.SessionKey(l.ids[2]), theirs, "KEEPTTL")
	// Theirs as a whole in the index of the user: the tail of the record says nothing.
	l.do("ZADD", redisdb.IndexKey(l.user.ID), 1<<33, redisdb.PackID(session.IDOf(tokens[0])))
	for range 3 {
		list, err := l.store.ListUser(context.Background(), l.user.ID, time.Now())
		must(t, err)
		if len(list) != 2 {
			t.Fatalf("%d sessions are listed, want 2: %+v", len(list), list)
		}
		for _, one := range list {
			if one.User != l.user.ID {
				t.Errorf("a session of %s", one.User)
			}
		}
		if n := l.do("ZCARD", redisdb.IndexKey(l.user.ID)); n != int64(6) {
			t.Errorf("%d entries of the index are left, want all 6", n)
		}
	}
	// Neither those who read in batches.
	tokens, err = measure.Fill(l.store, 100, func(int) user.User { return l.user })
	must(t, err)
	list, err := l.store.ListUser(context.Background(), l.user.ID, time.Now())
	must(t, err)
	if len(list) != 2+len(tokens) {
		t.Errorf("%d sessions are listed, want %d", len(list), 2+len(tokens))
	}
}

// A server that has started anew, or whose scripts were flushed, is told the script
// again, and that is all.
func TestListWithoutTheScript(t *testing.T) {
	l := newListed(t, 3)
	l.warm()
	for range 2 {
		l.do("SCRIPT", "FLUSH")
		l.want(3, 1+3, "after a flush") // EVALSHA_RO; alone once more, SCRIPT LOAD and again
		l.want(3, 1, "then")
	}
}

// A list is read while writers are held back, as they are when a master hands over.
func TestListWhileWritersWait(t *testing.T) {
	l := newListed(t, 2)
	l.warm()
	l.do("CLIENT", "PAUSE", 60_000, "WRITE")
	l.want(2, 1, "while writers wait")
	l.do("CLIENT", "UNPAUSE")
}

// Many ask for their lists and check at the same time, and each gets their own.
func TestListsAndChecksAmongOthers(t *testing.T) {
	s, _ := open(t)
	const people, rounds = 16, 30
	var all []user.User
	for range people {
		all = append(all, measure.Somebody())
	}
	tokens, err := measure.Fill(s.Store, 3*people, func(i int) user.User { return all[i%people] })
	must(t, err)
	var clients sync.WaitGroup
	for i, u := range all {
		clients.Go(func() {
			for range rounds {
				list, err := s.Store.ListUser(context.Background(), u.ID, time.Now())
				if err != nil && !errors.Is(err, session.ErrUnavailable) || err == nil && (len(list) != 3 || list[0].User != u.ID) {
					t.Errorf("%d sessions, %v", len(list), err)
				}
				found, err := s.Store.Find(context.Background(), session.IDOf(tokens[i]))
				if err == nil && found.User != u.ID {
					t.Errorf("%s is taken for %s", u.ID, found.User)
				}
			}
		})
	}
	clients.Wait()
}
