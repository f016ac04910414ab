package redisdb

import (
	"reflect"
	"testing"
)

const nodesOfA = `a1 10.0.0.1:6379@16379 myself,master - 0 0 7 connected 0-8191 [8200-<-b2]
b2 10.0.0.2:6379@16379,name master - 0 1795284695238 3 connected 8192-12000 12001
c3 10.0.0.3:6379@16379 slave a1 0 1795284695000 7 connected
d4 :0@0 master,noaddr - 0 0 2 disconnected
e5 10.0.0.5:6379@16379 master,fail - 0 0 1 disconnected
f6 ::1:6379@16379 master,fail? - 0 0 4 connected 12002-16383
`

func TestParseNodes(t *testing.T) {
	nodes := parseNodes(nodesOfA+"g7 :7000@17000 myself,slave a1 0 0 7 connected\nnot a line\n", "10.0.0.9:7000")
	var shards shardSet
	for _, n := range nodes {
		if shards&n.shards != 0 {
			t.Errorf("%s has shards of another", n.addr)
		}
		shards |= n.shards
	}
	if shards != everyShard {
		t.Errorf("the shards %064b have no master", ^shards)
	}
	for i := range nodes {
		nodes[i].shards = 0
	}
	want := []clusterNode{
		{addr: "10.0.0.1:6379", master: true, epoch: 7, slots: true},
		{addr: "10.0.0.2:6379", master: true, epoch: 3, slots: true},
		{addr: "10.0.0.3:6379", epoch: 7},
		{addr: "10.0.0.5:6379", master: true, failed: true, epoch: 1},
		{addr: "[::1]:6379", master: true, down: true, epoch: 4, slots: true},
		{addr: "10.0.0.9:7000", epoch: 7},
	}
	if !reflect.DeepEqual(nodes, want) {
		t.Errorf("got %+v\nwant %+v", nodes, want)
	}
}

// Who has a slot is told by who has taken it over last, whatever others still say.
func TestLayoutOf(t *testing.T) {
	node := func(addr string, epoch int64, shards shardSet, more ...func(*clusterNode)) clusterNode {
		n := clusterNode{addr: addr, master: true, epoch: epoch, shards: shards, slots: shards != 0}
		for _, change := range more {
			change(&n)
		}
		return n
	}
	replica := func(n *clusterNode) { n.master = false }
	down := func(n *clusterNode) { n.down = true }
	failed := func(n *clusterNode) { n.failed = true }
	for name, c := range map[string]struct {
		answers   map[string][]clusterNode
		has       string // shard 0
		replacing bool
		most      bool
	}{
		"all agree": {map[string][]clusterNode{
			"a": {node("a", 1, 1), node("b", 2, 2), node("c", 3, 4)},
			"b": {node("a", 1, 1), node("b", 2, 2), node("c", 3, 4)},
		}, "a", false, true},
		"one has not heard of a move": {map[string][]clusterNode{
			"a": {node("a", 1, 1), node("b", 2, 2), node("c", 3, 4)},
			"b": {node("a", 1, 0), node("b", 4, 3), node("c", 3, 4)},
			"c": {node("a", 1, 0), node("b", 4, 3), node("c", 3, 4)},
		}, "b", false, true},
		"the master of before is back": {map[string][]clusterNode{
			"a":  {node("a", 1, 1), node("b", 2, 2), node("c", 3, 4), node("a2", 1, 0, replica)},
			"b":  {node("a", 1, 0, failed), node("b", 2, 2), node("c", 3, 4), node("a2", 5, 1)},
			"a2": {node("a", 1, 0, failed), node("b", 2, 2), node("c", 3, 4), node("a2", 5, 1)},
		}, "a2", false, true},
		"it alone answers": {map[string][]clusterNode{
			"a": {node("a", 1, 1), node("b", 2, 2), node("c", 3, 4)},
		}, "a", false, false},
		"most do not reach it": {map[string][]clusterNode{
			"b": {node("a", 1, 1, down), node("b", 2, 2), node("c", 3, 4)},
			"c": {node("a", 1, 1, down), node("b", 2, 2), node("c", 3, 4)},
		}, "a", true, true},
		"it has failed": {map[string][]clusterNode{
			"b": {node("a", 1, 1, failed), node("b", 2, 2), node("c", 3, 4)},
			"c": {node("a", 1, 1), node("b", 2, 2), node("c", 3, 4)},
		}, "a", true, true},
	} {
		l := layoutOf(c.answers)
		if l.owners[0].addr != c.has || l.replacing.has(1) != c.replacing || (l.spoken > l.voters/2) != c.most {
			t.Errorf("%s: %s has it, replacing %b, %d of %d have spoken", name, l.owners[0].addr, l.replacing, l.spoken, l.voters)
		}
	}
}

// A question counts once all of its parts have come.
func TestPartsOfAQuestion(t *testing.T) {
	p := parts{}
	for i, step := range []struct {
		text, whole string
	}{
		{"whole", "whole"},
		{part("q", 0, 3), ""}, {part("q", 0, 3), ""}, {part("r", 1, 2), ""}, {part("q", 2, 3), ""},
		{part("q", 1, 3), "q"}, {part("r", 0, 2), "r"}, {part("q", 1, 3), ""},
		{"q 3/3", ""}, {"q -1/3", ""}, {"q x/3", ""}, {"q 0", ""},
	} {
		if got, whole := p.add(step.text); whole != (step.whole != "") || whole && got != step.whole {
			t.Errorf("step %d, %q: %q, %v", i, step.text, got, whole)
		}
	}
	for i := range 10 * maxQuestions {
		p.add(part(string(rune('a'+i%26))+string(rune('0'+i)), 0, 2))
	}
	if len(p) > maxQuestions {
		t.Errorf("%d questions are kept", len(p))
	}
}
