package redisdb

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// Whatever might go wrong between a question and its answer: nobody is let in as
// somebody else. The server gives each the answer to the question before, on the
// connection of the checks alone.
func TestPipeAnswersOfOthersLetNobodyIn(t *testing.T) {
	const people = 20
	records := map[string][]byte{}
	var ids []session.ID
	for i := range people {
		s := sample()
		s.ID, s.Username = session.IDOf(fmt.Sprint(i)), fmt.Sprint("user", i)
		ids, records["s:"+packID(s.ID)] = append(ids, s.ID), encodeRecord(s)
	}
	var before atomic.Pointer[string]
	p := newPuppet(t, func(nth int64, cmd []string) (string, bool) {
		if cmd[0] != "GET" || len(cmd) < 2 || records[cmd[1]] == nil {
			return "$-1\r\n", false
		}
		own := string(records[cmd[1]])
		if last := before.Swap(&own); nth == 1 && last != nil {
			return bulk(*last), false
		}
		return bulk(own), false
	})
	store := onServer(oneServer("redis://"+p.l.Addr().String()+"/0"), time.Hour)
	defer store.Close()
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			for range 50 {
				if got, err := store.Find(context.Background(), id); err == nil && got.Username != fmt.Sprint("user", i) {
					t.Errorf("user%d was taken for %s", i, got.Username)
				}
			}
		})
	}
	all.Wait()
	for i, id := range ids {
		if got, err := store.Find(context.Background(), id); err != nil || got.Username != fmt.Sprint("user", i) {
			t.Errorf("user%d, afterwards: %s, %v", i, got.Username, err)
		}
	}
	if p.opened.Load() < 2 {
		t.Error("the connection is still in use on which answers were those of others")
	}
}
