package redisdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// person is somebody with two sessions.
type person struct {
	id       user.ID
	username string
	sessions []session.Session
}

// population is people, and the answers of Redis about them.
type population struct {
	people  []person
	records map[string]string // by key
	lists   map[string]string // by packed user
}

func newPopulation(n int) *population {
	all := &population{records: map[string]string{}, lists: map[string]string{}}
	for i := range n {
		one := person{id: user.NewID(), username: fmt.Sprint("user", i)}
		for k := range 2 {
			s := sample()
			s.ID, s.User, s.Username = session.IDOf(fmt.Sprint(i, k)), one.id, one.username
			s.LastSeen = s.LastSeen.Add(-time.Duration(k) * time.Second)
			one.sessions = append(one.sessions, s)
			all.records[keys("").session(s.ID)] = bulk(string(encodeRecord(s)))
		}
		all.people = append(all.people, one)
		all.lists[packUser(one.id)] = listAnswer(one.id, one.sessions, one.sessions)
	}
	return all
}

// listAnswer is that of list.lua about u, in which ids have the records of others.
func listAnswer(u user.ID, ids, records []session.Session) string {
	answer := fmt.Sprintf("*%d\r\n", 3+2*len(ids)) + bulk("list") + bulk(packUser(u)) + ":1\r\n"
	for i := range ids {
		answer += bulk(packID(ids[i].ID)) + bulk(string(encodeRecord(records[i])))
	}
	return answer
}

// answer is what a server says that does as it should.
func (a *population) answer(cmd []string) string {
	if cmd[0] == lookCommand {
		return a.lists[cmd[3]]
	}
	return a.records[cmd[1]]
}

func (p *puppet) store() *Store {
	s := onServer(oneServer("redis://"+p.l.Addr().String()+"/0"), time.Hour)
	p.t.Cleanup(func() { s.Close() })
	return s
}

// wantOwn lists the sessions of one: they are told, or that it cannot be known.
func (one person) wantOwn(t *testing.T, s *Store, when string) (told bool) {
	t.Helper()
	list, err := s.ListUser(context.Background(), one.id, sample().Began)
	if err != nil {
		if !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("%s, %s: %v", one.username, when, err)
		}
		return false
	}
	right := len(list) == len(one.sessions)
	for i := 0; right && i < len(list); i++ {
		right = list[i].ID == one.sessions[i].ID && list[i].User == one.id && list[i].Username == one.username
	}
	if !right {
		t.Errorf("%s, %s, is shown %+v", one.username, when, list)
	}
	return true
}

// The server gives each the answer to the question before, be it a list or a check,
// on the connection that they share alone: nobody is shown another's sessions, or
// loses one of their own.
func TestPipeAnswersOfOthersAreNobodysList(t *testing.T) {
	all := newPopulation(20)
	var before atomic.Pointer[string]
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		own := all.answer(cmd)
		if last := before.Swap(&own); nth == 1 && last != nil {
			return *last, false
		}
		return own, false
	})
	store := p.store()
	var clients sync.WaitGroup
	for _, one := range all.people {
		clients.Go(func() {
			for range 25 {
				one.wantOwn(t, store, "among others")
				got, err := store.Find(context.Background(), one.sessions[0].ID)
				if err == nil && got.Username != one.username || err != nil && !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("%s was taken for %s: %v", one.username, got.Username, err)
				}
			}
		})
	}
	clients.Wait()
	if p.opened.Load() < 2 {
		t.Error("the connection is still in use on which answers were those of others")
	}
	for _, one := range all.people {
		for deadline := time.Now().Add(time.Minute); !one.wantOwn(t, store, "afterwards"); {
			if time.Now().After(deadline) {
				t.Fatal("nobody is served any more")
			}
		}
	}
}

// One answer on the shared connection is not that to the question, in whatever way:
// the one who has asked gets their list from another, and nobody asks there any more.
func TestPipeListThatDoesNotFit(t *testing.T) {
	all := newPopulation(2)
	one, other := all.people[0], all.people[1]
	nobody := packUser(user.NewID())
	for name, bad := range map[string]string{
		"another's list":                     all.lists[packUser(other.id)],
		"another's list under one's name":    listAnswer(one.id, other.sessions, other.sessions),
		"one's ids with another's records":   listAnswer(one.id, one.sessions, other.sessions),
		"one's ids with each other's record": listAnswer(one.id, one.sessions, []session.Session{one.sessions[1], one.sessions[0]}),
		"an empty list of another's":         "*3\r\n" + bulk("list") + bulk(nobody) + ":1\r\n",
		"a list without an end":              "*4\r\n" + bulk("list") + bulk(packUser(one.id)) + ":1\r\n" + bulk("x"),
		"a list of numbers":                  "*5\r\n" + bulk("list") + bulk(packUser(one.id)) + ":1\r\n:1\r\n:2\r\n",
		"an id with a number":                "*5\r\n" + bulk("list") + bulk(packUser(one.id)) + ":1\r\n" + bulk("x") + ":2\r\n",
		"no word of how much it is":          "*3\r\n" + bulk("list") + bulk(packUser(one.id)) + bulk("1"),
		"how far the server is":              "*3\r\n" + bulk("17") + bulk("ledger") + "$-1\r\n",
		"a record":                           all.records[keys("").session(one.sessions[0].ID)],
		"nothing":                            "$-1\r\n",
		"no list":                            "*0\r\n",
		"a word":                             "+OK\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
				if nth == 1 && cmd[0] == lookCommand {
					return bad, false
				}
				return all.answer(cmd), false
			})
			store := p.store()
			for deadline := time.Now().Add(time.Minute); !one.wantOwn(t, store, "at once"); {
				if time.Now().After(deadline) {
					t.Fatal("never answered")
				}
			}
			if pipe := store.client.(*client).pipes.current.Load(); pipe != nil {
				if err := (pipeConn{pipe}).Err(); err == nil {
					t.Error("the connection is still in use")
				}
			}
			one.wantOwn(t, store, "afterwards")
		})
	}
}

// Where the server says it on a connection that nobody shares, it is so there: what
// is somebody else's is not shown, and what is no list is no answer.
func TestListOfAServerThatHasItSo(t *testing.T) {
	all := newPopulation(2)
	one, other := all.people[0], all.people[1]
	for name, c := range map[string]struct {
		answer string
		want   error
	}{
		"another's list":                   {all.lists[packUser(other.id)], session.ErrUnavailable},
		"another's list under one's name":  {listAnswer(one.id, other.sessions, other.sessions), nil},
		"one's ids with another's records": {listAnswer(one.id, one.sessions, other.sessions), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newPuppet(t, func(int64, []string) (string, bool) { return c.answer, false }).store()
			list, err := store.ListUser(context.Background(), one.id, sample().Began)
			if len(list) > 0 || !errors.Is(err, c.want) {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

// Checks that get a list for an answer let nobody in and put nobody out, on a single
// server or in a cluster.
func TestListIsNoAnswerToACheck(t *testing.T) {
	all := newPopulation(1)
	for _, list := range []string{all.lists[packUser(all.people[0].id)], "*3\r\n" + bulk("list") + bulk("u") + ":0\r\n"} {
		for _, kind := range []func(*question){
			func(q *question) { q.get("s:", "x") },
			func(q *question) { q.get2("{17}", "x") },
		} {
			p := newPuppet(t, func(int64, []string) (string, bool) { return list, false })
			q := newQuestion(time.Now().Add(time.Minute))
			kind(q)
			if q, err := p.client().put(context.Background(), q, 0); !errors.Is(err, errProtocol) || !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("got %+v, %v", q, err)
			}
		}
	}
}
