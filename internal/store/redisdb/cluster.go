package redisdb

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// In a Redis Cluster all that is kept of a user is in one shard (session.ShardOf),
// and each shard in one slot, by a tag in its keys. A shard is a little server of
// its own: it has its own "e", "seq", "ledger" and "ending", and how far it has
// applied the ledger moves together with what it has applied. The gate of each
// master looks at the shards that are there (gate.go).
//
// redisc knows slots and redirections. Its connections are not used: they take a
// connection from a pool for each command, which knows of no gate, and follow ASK
// with scripts as well.
//
// While a slot is being moved, its keys are on two masters, one after the other.
// A script that ran then would not see what has gone already, or stop half-way. So
// every script names as its only key one that never exists: of such a key Redis
// says ASK as soon as the slot is opened, before the script begins. The operation
// is tried again until its time is over; then it is as if the store were away, and
// the gate carries out what the ledger has of it when the slot is closed. A check
// and other commands of one key go where ASK sends them.
//
// What can be lost, and why no ended session comes back:
//
//   - A master crashes without an append-only file, or a replica takes its place
//     that lacks the latest ends: the positions of its shards are as old as their
//     data, and what is missing is applied first, as on a single server.
//   - A slot comes from a master that lags: its position comes with it, and a
//     connection is used for a shard only when that shard has proved itself on that
//     server since it came there, with an answer of the ledger from after it came.
//   - A master that once had a slot comes back with an old snapshot of it. It does
//     not serve the slot, but the slot may be moved to it later, and then old
//     records are among those that are moved. Their sessions have tombstones, which
//     are moved, too. So where there are several servers a record counts only
//     without a tombstone beside it.
//   - The cluster is split: a master that does not reach most others stops after
//     cluster-node-timeout, before they replace it, and comes back as a replica. What
//     is left of one of before answers no longer than half a second without proof
//     (compareEvery); that nothing is known of a session is believed only if most
//     masters say that it is there that one has to ask.
//
// Moved to a master without an append-only file that crashes before the move is
// done, tombstones are lost where old records may be. It needs one that had the slot
// earlier; Warnings asks for append-only files.
type cluster struct {
	seeds          []string
	user, password string
	longest        time.Duration
	invalid        error                                      // the URL cannot be read
	wrap           func(addr string, c redis.Conn) redis.Conn // nil but in tests

	// versions grow when another master has the shard; at is that master.
	versions [session.Shards]atomic.Uint64
	at       [session.Shards]atomic.Pointer[server]

	asking sync.Mutex            // held while all are asked
	asked  time.Time             // when the latest answers were true, if there were any
	told   error                 // what came of it
	lines  map[string]redis.Conn // for the next time

	mu        sync.Mutex
	hearing   *hearing // nil: no ledger is followed
	members   []string // of which the cluster consists, masters first
	masters   int      // of members
	owners    [session.Shards]owner
	replacing shardSet // whose masters are down, and about to be replaced
	servers   map[string]*server
	closed    bool
}

const clusterScheme = "redis+cluster://"

const (
	// clusterTimeout is short because a server that hangs must not use up the time
	// that the operation has.
	clusterTimeout = 100 * time.Millisecond
	// clusterEvery is how often a node asks who has what, beside what it is told.
	clusterEvery = time.Second
	// clusterMemory is how long answers serve others who ask.
	clusterMemory = 50 * time.Millisecond
)

var (
	errNoCluster = errors.New("redisdb: no server of the cluster knows who has the slot")
	errMinority  = errors.New("redisdb: most masters of the cluster do not answer")
)

// newCluster reads redis+cluster://user:password@host:port,host:port.
func newCluster(raw string, longest time.Duration) *cluster {
	authority, _, _ := strings.Cut(strings.TrimPrefix(raw, clusterScheme), "/")
	at := strings.LastIndexByte(authority, '@') + 1
	c := &cluster{seeds: strings.Split(authority[at:], ","), longest: longest, servers: map[string]*server{}, lines: map[string]redis.Conn{}}
	for i, addr := range c.seeds {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			c.seeds[i] = net.JoinHostPort(strings.Trim(addr, "[]"), "6379")
		}
	}
	u, err := url.Parse("redis://" + authority[:at] + "cluster")
	if err != nil {
		c.invalid = errURL
		return c
	}
	c.user = u.User.Username()
	c.password, _ = u.User.Password()
	return c
}

// server is one server of the cluster that is or was a master.
type server struct {
	addr   string
	client *client
	// raw is the way past the gate, and shards the stores on it.
	raw    *client
	shards []*Store
	on     atomic.Uint64 // a shardSet
}

// server returns the one at addr. Held: c.mu.
func (c *cluster) server(addr string) *server {
	if s := c.servers[addr]; s != nil {
		return s
	}
	m := member{c, addr}
	s := &server{addr: addr, client: newClient(m), raw: newClient(m)}
	for shard, tag := range tags {
		s.shards = append(s.shards, &Store{
			dialer: m, client: tagged{s.raw, tag}, keys: tag, shard: session.Shard(shard), longest: c.longest,
		})
	}
	c.hold(s)
	c.servers[addr] = s
	return s
}

// hold puts a gate in front of s, if there is a ledger. Held: c.mu.
func (c *cluster) hold(s *server) {
	if c.hearing == nil || withoutGate {
		return
	}
	g := newGate(c.hearing, s.client, s.shards, func() shardSet { return shardSet(s.on.Load()) })
	g.moving = &moving{c}
	s.client.gate = g
}

func (s *server) close() {
	for _, c := range []*client{s.client, s.raw} {
		c.pipes.close()
		c.pool.Close()
	}
}

// tagged is a client of a server in a cluster, for one shard.
type tagged struct {
	*client
	tag keys
}

func (t tagged) do(ctx context.Context, f func(boundConn) error) error {
	return t.client.do(ctx, func(c boundConn) error {
		c.tag = t.tag
		return f(c)
	})
}

// member dials one server of a cluster.
type member struct {
	cluster *cluster
	addr    string
}

func (m member) dial(ctx context.Context) (redis.Conn, error) {
	var wire wireDialer
	conn, err := wire.wired(redis.DialContext(ctx, "tcp", m.addr, dialWithin(redis.DialContextFunc(wire.dial),
		redis.DialUsername(m.cluster.user), redis.DialPassword(m.cluster.password))...))
	if err == nil && m.cluster.wrap != nil {
		conn = m.cluster.wrap(m.addr, conn)
	}
	return conn, err
}

func (member) onChange(func()) {}

func (member) confirm(context.Context) error { return nil }

// all returns the masters, those with shards of ours or not.
func (c *cluster) all(ctx context.Context) ([]*server, error) {
	if err := c.know(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*server
	for _, addr := range c.members[:c.masters] {
		all = append(all, c.server(addr))
	}
	return all, nil
}

// gates returns those of the masters that have shards.
func (c *cluster) gates() []*gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*gate
	for _, s := range c.servers {
		if g := s.client.gate; g != nil && g.on() != 0 {
			all = append(all, g)
		}
	}
	return all
}

// follow puts gates in front of all servers.
func (c *cluster) follow(h *hearing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hearing = h
	for _, s := range c.servers {
		c.hold(s)
	}
}

// ping returns nil if a master answers, else why none does.
func (c *cluster) ping(ctx context.Context) error {
	answers, all := c.pingAll(ctx, func(*server) shardSet { return 0 })
	if len(answers) < all {
		return nil
	}
	return errors.Join(answers...)
}

// pingAll returns what went wrong where in asking all masters, of which there are so
// many, for the shards that have to have proved themselves there.
func (c *cluster) pingAll(ctx context.Context, about func(*server) shardSet) (errs []error, of int) {
	all, err := c.all(ctx)
	if err != nil {
		return []error{unavailable(err)}, 1
	}
	answers := make(chan error, len(all))
	for _, s := range all {
		go func() { answers <- s.client.doBy(ctx, time.Now().Add(opTimeout), about(s), ping) }()
	}
	for range all {
		if err := <-answers; err != nil {
			errs = append(errs, err)
		}
	}
	return errs, len(all)
}

// caughtUp returns nil if every shard has proved itself.
func (c *cluster) caughtUp(ctx context.Context) error {
	errs, _ := c.pingAll(ctx, func(s *server) shardSet { return shardSet(s.on.Load()) })
	return errors.Join(errs...)
}

// ledgerName returns the name of the ledger that the cluster follows, as it is noted
// in Redis.
func (c *cluster) ledgerName(ctx context.Context) (name string, err error) {
	err = route{c, 0}.do(ctx, func(b boundConn) error {
		name, err = redis.String(b.Do("GET", tags[0].ledger()))
		if errors.Is(err, redis.ErrNil) {
			err = nil
		}
		return err
	})
	return name, err
}

func (c *cluster) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, s := range c.servers {
		s.close()
	}
	go c.hangUp()
}

// hangUp closes the lines, once nobody asks any more.
func (c *cluster) hangUp() {
	c.asking.Lock()
	defer c.asking.Unlock()
	for _, line := range c.lines {
		line.Close()
	}
	clear(c.lines)
	c.told = errClosed
}

// watch asks who has what until ctx ends: a master that is merely cut off breaks no
// connection by itself.
func (c *cluster) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(clusterEvery)
	defer tick.Stop()
	var was [session.Shards]owner
	for {
		_ = c.refresh(ctx, time.Now().Add(-clusterEvery/2))
		c.mu.Lock()
		is := c.owners
		c.mu.Unlock()
		moved := map[[2]string]int{}
		for shard := range is {
			if from, to := was[shard].addr, is[shard].addr; from != "" && from != to {
				moved[[2]string{from, to}]++
			}
		}
		for way, n := range moved {
			log.Warn("sessions have another master in the Redis Cluster", "parts", n, "of", session.Shards, "was", way[0], "is", way[1])
		}
		was = is
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
