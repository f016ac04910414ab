package main

import (
	"context"
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
)

// Two nodes on a Redis Cluster, from the first sign-up to the end of everyone, with
// the death of a master in between.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t)
	s := embedded(t).with("GATEHOUSE_DATABASE_URL", testenv.Postgres(t), "GATEHOUSE_REDIS_URL", c.URL())
	stores := settings{"GATEHOUSE_DATABASE_URL": s["GATEHOUSE_DATABASE_URL"], "GATEHOUSE_REDIS_URL": s["GATEHOUSE_REDIS_URL"]}
	nodes := []*node{startNode(t, s), startNode(t, s)}
	first, other := nodes[0], nodes[1]
	admin := newClient(t)
	admin.setUp(first)
	var people []*client
	for i, name := range []string{"kim", "lee", "park", "choi", "jung", "kang"} {
		p := newClient(t)
		p.signUp(nodes[i%2], name)
		people = append(people, p)
	}
	in := append([]*client{admin}, people...)
	everybodyIn(t, nodes, in)

	// The news of an end reaches the open page on the other node, and whoever asked
	// for it is told that both nodes know.
	open := people[0].stream(other)
	var receipt output
	code := run(context.Background(), program{stdin: strings.NewReader(""), stdout: &receipt, stderr: &receipt},
		stores.flags("session", "end", "--user", "kim"))
	if code != exitOK || !strings.Contains(receipt.String(), "2 of 2") {
		t.Errorf("session end: exit code %d\n%s", code, receipt.String())
	}
	if data := open.next("ended", patience); !strings.Contains(data, string(session.Forced)) {
		t.Errorf("the open page hears %s", data)
	}
	people[0].copy().isOut(first, session.Forced)

	masters := c.Masters()
	for _, r := range masters {
		c.InStep(r)
	}
	replica := c.ReplicaOf(masters[0])
	masters[0].Kill()
	c.Promoted(replica)
	everybodyIn(t, nodes, append([]*client{admin}, people[1:]...))
	people[0].copy().isOut(other, session.Forced)
	admin.puts(first, people[1])
	people[1].copy().isOut(other, session.Forced)

	if code := run(context.Background(), program{stdin: strings.NewReader(""), stdout: &receipt, stderr: &receipt},
		stores.flags("session", "end", "--all")); code != exitOK {
		t.Errorf("session end --all: exit code %d\n%s", code, receipt.String())
	}
	for i, p := range append([]*client{admin}, people[2:]...) {
		p.isOut(nodes[i%2], session.Forced)
	}
	masters[0].Start()
	c.Whole()
	people[2].logIn(first, "park")
	people[2].isIn(other)
}
