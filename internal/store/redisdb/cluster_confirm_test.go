package redisdb_test

import (
	"context"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
)

// Nodes listen to different masters, and sessions end on all of them: who confirms
// has heard of every end until then, wherever that was.
func clusterNodesConfirm(t *testing.T, g *clusterNode) {
	command := redisdb.Open(g.cluster.URL(), longest)
	t.Cleanup(func() { command.Close() })
	g.confirmed(command, session.Nodes{})
	var all []*ears
	for range 3 {
		e := &ears{}
		g.listening(e)
		all = append(all, e)
		g.another()
	}
	g.confirmed(command, session.Nodes{Confirmed: 3, Live: 3})
	for range 30 {
		id := g.login(g.user())
		g.end(id)
		nodes, err := g.store.Confirm(context.Background())
		must(t, err)
		heard := 0
		for _, e := range all {
			if e.heard(id) {
				heard++
			}
		}
		if heard < nodes.Confirmed {
			t.Errorf("%d nodes have confirmed, %d have heard", nodes.Confirmed, heard)
		}
	}
	// One that hangs on a master that dies comes back to another.
	r := g.cluster.Masters()[0]
	replica := g.cluster.ReplicaOf(r)
	r.Kill()
	g.cluster.Promoted(replica)
	g.confirmed(command, session.Nodes{Confirmed: 3, Live: 3})
	r.Start()
}
