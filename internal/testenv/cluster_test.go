package testenv_test

import (
	"fmt"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"

	"gatehouse/internal/testenv"
)

// A slot is moved with its keys, a master dies and its replica takes its place, and
// the old one comes back as a replica.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t)
	const key = "some key"
	slot := redisc.Slot(key)
	from := c.Owner(slot)
	if _, err := c.Do(from, "SET", key, "value"); err != nil {
		t.Fatal(err)
	}
	to := c.Masters()[0]
	if to == from {
		to = c.Masters()[1]
	}
	if err := c.Move(slot, from, to); err != nil {
		t.Fatal(err)
	}
	if c.Owner(slot) != to {
		t.Fatal("the slot has not been moved")
	}
	if _, err := c.Do(from, "GET", key); fmt.Sprint(err) != fmt.Sprintf("MOVED %d %s", slot, to.Addr()) {
		t.Errorf("who had the slot before says %v", err)
	}
	c.InStep(to)
	replica := c.ReplicaOf(to)
	to.Kill()
	c.Promoted(replica)
	if value, err := redis.String(c.Do(replica, "GET", key)); value != "value" {
		t.Errorf("the replica has %q, %v", value, err)
	}
	to.Start()
	c.Whole()
	if len(c.Masters()) != 3 || c.ReplicaOf(replica) != to {
		t.Error("the old master is no replica")
	}
}
