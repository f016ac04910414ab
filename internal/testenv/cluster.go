package testenv

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Cluster is a Redis Cluster of masters, each with one replica.
type Cluster struct {
	t testing.TB
	// Redis are the servers, first those that begin as masters. Which of them are
	// masters later is their own choice.
	Redis []*RedisProc

	mu    sync.Mutex
	conns map[string]redis.Conn // to each server, for what the test itself asks
	ids   map[*RedisProc]string // in the cluster
}

const (
	// clusterMasters is how many masters a cluster begins with, and replicas.
	clusterMasters = 3
	// clusterTimeout is how long a master is silent before its replica takes its place.
	clusterTimeout = 1500 * time.Millisecond
	slots          = 16384
)

// RedisCluster starts a cluster of three masters and three replicas for this test,
// the slots shared evenly. Args are for the servers, as for [RedisServer].
func RedisCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, conns: map[string]redis.Conn{}, ids: map[*RedisProc]string{}}
	t.Cleanup(c.hangUp)
	for range 2 * clusterMasters {
		proc, err := startClusterServer(append(replicaArgs(), args...)...)
		if err != nil {
			t.Fatalf("redis-server: %v", err)
		}
		t.Cleanup(proc.remove)
		c.Redis = append(c.Redis, &RedisProc{t: t, proc: proc})
	}
	for i, r := range c.Redis {
		c.must(r, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i < clusterMasters {
			c.must(r, "CLUSTER", "ADDSLOTSRANGE", i*slots/clusterMasters, (i+1)*slots/clusterMasters-1)
		}
	}
	for _, r := range c.Redis[1:] {
		host, port, _ := net.SplitHostPort(r.Addr())
		c.must(c.Redis[0], "CLUSTER", "MEET", host, port, r.proc.busPort)
	}
	c.wait("the servers know each other", func() bool {
		for _, r := range c.Redis {
			if strings.Count(c.nodes(r), " connected") != len(c.Redis) || strings.Contains(c.nodes(r), "handshake") {
				return false
			}
		}
		return true
	})
	for i, r := range c.Redis[clusterMasters:] {
		c.must(r, "CLUSTER", "REPLICATE", c.id(c.Redis[i]))
	}
	c.Whole()
	return c
}

// startClusterServer starts a server that belongs to no cluster yet.
func startClusterServer(args ...string) (*process, error) {
	proc, err := redisProcess()
	if err != nil {
		return nil, err
	}
	plain := proc.command
	proc.command = func(port int) []string {
		if proc.busPort == 0 || proc.busOf != port {
			proc.busPort, _ = freePort() // 0 if there is none: then the server takes its own choice, or says so
			proc.busOf = port
		}
		return plain(port)
	}
	proc.more = func() []string {
		return append([]string{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-port", fmt.Sprint(proc.busPort), "--cluster-announce-ip", "127.0.0.1",
			"--cluster-node-timeout", fmt.Sprint(clusterTimeout.Milliseconds()),
			// A master that is away takes its own slots with it and no others.
			"--cluster-require-full-coverage", "no",
			"--cluster-allow-replica-migration", "no", "--cluster-replica-validity-factor", "0"}, args...)
	}
	if err := proc.launch(); err != nil {
		proc.remove()
		return nil, err
	}
	return proc, nil
}

// URL returns redis+cluster://127.0.0.1:port,… with all servers.
func (c *Cluster) URL() string {
	addrs := make([]string, len(c.Redis))
	for i, r := range c.Redis {
		addrs[i] = r.Addr()
	}
	return "redis+cluster://" + strings.Join(addrs, ",")
}

// Whole waits until every server that runs finds every slot served and nobody
// failing, and every replica is in step with its master.
func (c *Cluster) Whole() {
	c.t.Helper()
	c.wait("the cluster is whole", func() bool {
		for _, r := range c.Redis {
			info, _ := redis.String(c.Do(r, "CLUSTER", "INFO"))
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d\r", slots)) ||
				strings.Contains(c.nodes(r), "fail") {
				return false
			}
			repl, _ := redis.String(c.Do(r, "INFO", "replication"))
			if strings.Contains(repl, "role:slave") && !strings.Contains(repl, "master_link_status:up") {
				return false
			}
		}
		return true
	})
}

// Masters returns the servers that take themselves for masters.
func (c *Cluster) Masters() []*RedisProc {
	var masters []*RedisProc
	for _, r := range c.Redis {
		if strings.Contains(c.myself(r), "master") {
			masters = append(masters, r)
		}
	}
	return masters
}

// Flush takes away all data.
func (c *Cluster) Flush() {
	c.t.Helper()
	for _, r := range c.Masters() {
		c.must(r, "FLUSHALL")
	}
}

// Owner returns the master that says that it has the slot; nil if there is none.
func (c *Cluster) Owner(slot int) *RedisProc {
	for _, r := range c.Masters() {
		if owns(c.myself(r), slot) {
			return r
		}
	}
	return nil
}

// owns reports whether a line of CLUSTER NODES lists the slot.
func owns(line string, slot int) bool {
	for i, field := range strings.Fields(line) {
		if i < 8 || strings.HasPrefix(field, "[") {
			continue
		}
		var first, last int
		if n, _ := fmt.Sscanf(field, "%d-%d", &first, &last); n == 1 {
			last = first
		}
		if first <= slot && slot <= last {
			return true
		}
	}
	return false
}

// ReplicaOf returns the server that follows master; nil if there is none.
func (c *Cluster) ReplicaOf(master *RedisProc) *RedisProc {
	id := c.id(master)
	for _, r := range c.Redis {
		if strings.Contains(c.myself(r), "slave "+id) {
			return r
		}
	}
	return nil
}

// Promoted waits until replica is a master by its own account.
func (c *Cluster) Promoted(replica *RedisProc) {
	c.t.Helper()
	c.wait("the replica is a master", func() bool { return strings.Contains(c.myself(replica), "master") })
}

// InStep waits until the replica of master has all that master has written so far.
func (c *Cluster) InStep(master *RedisProc) {
	c.t.Helper()
	replica, now := c.ReplicaOf(master), standingOf(master)
	c.wait("the replica is in step", func() bool {
		is := standingOf(replica)
		return is.history == now.history && is.offset >= now.offset
	})
}

// Move moves a slot with its keys, of which there are not very many, as redis-cli
// --cluster reshard does.
func (c *Cluster) Move(slot int, from, to *RedisProc) error {
	if err := c.BeginMove(slot, from, to); err != nil {
		return err
	}
	if _, err := c.MoveKeys(slot, from, to, slots); err != nil {
		return err
	}
	return c.EndMove(slot, to)
}

// BeginMove opens the slot on both sides. From then on both have a part of its keys.
func (c *Cluster) BeginMove(slot int, from, to *RedisProc) error {
	// Who takes over a slot without having heard of the move before may be given an
	// epoch that is too low, and the slot ends up with nobody.
	if waitUntil(c.agree) != nil {
		return errors.New("the masters do not agree on the epoch")
	}
	_, err := c.Do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.id(from))
	if err == nil {
		_, err = c.Do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.id(to))
	}
	return err
}

// agree reports whether all masters know the same epoch.
func (c *Cluster) agree() bool {
	epochs := map[string]bool{}
	for _, r := range c.Masters() {
		info, _ := redis.String(c.Do(r, "CLUSTER", "INFO"))
		_, epoch, _ := strings.Cut(info, "cluster_current_epoch:")
		epoch, _, _ = strings.Cut(epoch, "\r")
		epochs[epoch] = true
	}
	return len(epochs) == 1
}

// MoveKeys moves at most n of the keys of an open slot, and returns how many.
func (c *Cluster) MoveKeys(slot int, from, to *RedisProc, n int) (moved int, err error) {
	host, port, _ := net.SplitHostPort(to.Addr())
	for moved < n {
		keys, err := redis.Values(c.Do(from, "CLUSTER", "GETKEYSINSLOT", slot, min(n-moved, 10)))
		if err != nil || len(keys) == 0 {
			return moved, err
		}
		args := append([]any{host, port, "", 0, 5000, "REPLACE", "KEYS"}, keys...)
		if _, err := c.Do(from, "MIGRATE", args...); err != nil {
			return moved, err
		}
		moved += len(keys)
	}
	return moved, nil
}

// EndMove gives the slot, all of whose keys have been moved, to the server that has
// them, and tells all masters.
func (c *Cluster) EndMove(slot int, to *RedisProc) error {
	id := c.id(to)
	_, err := c.Do(to, "CLUSTER", "SETSLOT", slot, "NODE", id)
	for _, r := range c.Redis {
		if r != to && err == nil {
			_, _ = c.Do(r, "CLUSTER", "SETSLOT", slot, "NODE", id) // replicas do not take it
		}
	}
	return err
}

// Do asks one of the servers, within a few seconds.
func (c *Cluster) Do(r *RedisProc, cmd string, args ...any) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.conns[r.Addr()]
	if conn == nil || conn.Err() != nil {
		if conn != nil {
			conn.Close()
		}
		const limit = 6 * time.Second
		var err error
		if conn, err = redis.Dial("tcp", r.Addr(), redis.DialConnectTimeout(limit), redis.DialReadTimeout(limit), redis.DialWriteTimeout(limit)); err != nil {
			delete(c.conns, r.Addr())
			return nil, err
		}
		c.conns[r.Addr()] = conn
	}
	return conn.Do(cmd, args...)
}

func (c *Cluster) must(r *RedisProc, cmd string, args ...any) {
	c.t.Helper()
	if _, err := c.Do(r, cmd, args...); err != nil {
		c.t.Fatalf("redis-server: %s: %v", cmd, err)
	}
}

// nodes returns what r knows of the cluster; nothing if it does not answer.
func (c *Cluster) nodes(r *RedisProc) string {
	text, _ := redis.String(c.Do(r, "CLUSTER", "NODES"))
	return text
}

// myself returns what r knows of itself.
func (c *Cluster) myself(r *RedisProc) string {
	for line := range strings.Lines(c.nodes(r)) {
		if strings.Contains(line, "myself") {
			return line
		}
	}
	return ""
}

// id returns the name of r in the cluster, which never changes.
func (c *Cluster) id(r *RedisProc) string {
	c.mu.Lock()
	id := c.ids[r]
	c.mu.Unlock()
	if id != "" {
		return id
	}
	id, _, _ = strings.Cut(c.myself(r), " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[r] = id
	return id
}

func (c *Cluster) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
}

func (c *Cluster) wait(what string, is func() bool) {
	c.t.Helper()
	if err := waitUntil(is); err != nil {
		c.t.Fatalf("waited in vain until: %s: %v", what, err)
	}
}

var errLate = errors.New("it took too long")

func waitUntil(is func() bool) error {
	for deadline := time.Now().Add(startWithin); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errLate
		}
	}
	return nil
}
