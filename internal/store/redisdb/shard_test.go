package redisdb

import (
	"testing"

	"github.com/mna/redisc"

	"gatehouse/internal/session"
)

// However the slots are shared out in ranges of equal length, each master has its
// share of the shards. Tags are in keys and never change.
func TestTagsLieEvenly(t *testing.T) {
	seen := map[int]bool{}
	for shard, tag := range tags {
		slot := redisc.Slot("s:" + string(tag) + "\x00id")
		if slot != slotOf(session.Shard(shard)) || slot*session.Shards/redisc.HashSlots != shard || seen[slot] {
			t.Errorf("shard %d has slot %d", shard, slot)
		}
		seen[slot] = true
		if got, rest, ok := untag(string(tag) + "{x}"); !ok || got != session.Shard(shard) || rest != "{x}" {
			t.Errorf("%s is taken for shard %d", tag, got)
		}
	}
	if tags[0] != "{10}" || tags[63] != "{40}" {
		t.Errorf("tags have changed: the first is %s, the last %s", tags[0], tags[63])
	}
	for masters := 1; masters <= 16; masters++ {
		least, most := session.Shards, 0
		for m := range masters {
			n := 0
			for slot := range seen {
				if slot >= m*redisc.HashSlots/masters && slot < (m+1)*redisc.HashSlots/masters {
					n++
				}
			}
			least, most = min(least, n), max(most, n)
		}
		if most-least > 2 {
			t.Errorf("of %d masters one has %d shards and another %d", masters, least, most)
		}
	}
}

func TestUntagOfOtherKeys(t *testing.T) {
	for _, key := range []string{"", "{", "}", "{}", "{x}y", "17}", "plain"} {
		if shard, _, ok := untag(key); ok {
			t.Errorf("%q is taken for shard %d", key, shard)
		}
	}
}
