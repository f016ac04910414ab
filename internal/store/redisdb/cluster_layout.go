package redisdb

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// owner is the master that has a shard, since which epoch of the cluster.
type owner struct {
	addr  string
	epoch int64
}

// clusterNode is what one server says of another, or of itself.
type clusterNode struct {
	addr   string
	master bool
	down   bool // the one who says so does not reach it
	failed bool // most masters do not
	epoch  int64
	slots  bool
	shards shardSet
}

// parseNodes reads what a server at addr answers to CLUSTER NODES.
func parseNodes(text, addr string) (nodes []clusterNode) {
	host, _, _ := net.SplitHostPort(addr)
	for line := range strings.Lines(text) {
		field := strings.Fields(line)
		if len(field) < 8 {
			continue
		}
		where, _, _ := strings.Cut(field[1], "@") // then its port among servers, and its name
		colon := strings.LastIndexByte(where, ':')
		if colon < 0 {
			continue
		}
		n := clusterNode{addr: net.JoinHostPort(where[:colon], where[colon+1:])}
		if colon == 0 { // it does not know its own address yet
			n.addr = net.JoinHostPort(host, where[1:])
		}
		unreachable := false
		for flag := range strings.SplitSeq(field[2], ",") {
			switch flag {
			case "master":
				n.master = true
			case "fail?":
				n.down = true
			case "fail":
				n.failed = true
			case "noaddr", "handshake":
				unreachable = true
			}
		}
		if unreachable {
			continue
		}
		n.epoch, _ = strconv.ParseInt(field[6], 10, 64)
		n.slots = len(field) > 8
		for _, slots := range field[8:] {
			n.shards |= shardsIn(slots)
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// shardsIn returns the shards in "first-last" or "slot"; none for a slot on its way,
// which is in brackets and listed with its owner, too.
func shardsIn(slots string) (in shardSet) {
	low, high, isRange := strings.Cut(slots, "-")
	first, err := strconv.Atoi(low)
	if err != nil {
		return 0
	}
	last := first
	if isRange {
		if last, err = strconv.Atoi(high); err != nil {
			return 0
		}
	}
	for shard, slot := range slotOfShard {
		if first <= slot && slot <= last {
			in |= setOf(session.Shard(shard))
		}
	}
	return in
}

var slotOfShard = func() (slots [session.Shards]int) {
	for shard := range slots {
		slots[shard] = slotOf(session.Shard(shard))
	}
	return slots
}()

// layout is what some servers of a cluster say together.
type clusterLayout struct {
	masters, replicas []string
	owners            [session.Shards]owner
	replacing         shardSet
	voters            int // masters that have slots
	spoken            int // voters that have answered
}

// layoutOf puts together what servers say: of who has a slot, the one of the highest
// epoch, which whoever takes over a slot has. answers are by who gives them.
func layoutOf(answers map[string][]clusterNode) (l clusterLayout) {
	latest := map[string]clusterNode{} // by address, of the highest epoch
	downs, fails := map[string]int{}, map[string]bool{}
	for _, nodes := range answers {
		for _, n := range nodes {
			if is, known := latest[n.addr]; !known || n.epoch > is.epoch ||
				n.epoch == is.epoch && (n.master && !is.master || n.slots && !is.slots) {
				latest[n.addr] = n
			}
			if n.down {
				downs[n.addr]++
			}
			fails[n.addr] = fails[n.addr] || n.failed
			for shard := range l.owners {
				if o := &l.owners[shard]; n.master && n.shards.has(setOf(session.Shard(shard))) && (o.addr == "" || n.epoch > o.epoch) {
					*o = owner{n.addr, n.epoch}
				}
			}
		}
	}
	for addr, n := range latest {
		switch {
		case n.master && n.slots:
			l.voters++
			if _, ok := answers[addr]; ok {
				l.spoken++
			}
			l.masters = append(l.masters, addr)
		case n.master && fails[addr]: // replaced, and not back yet
		case n.master:
			l.masters = append(l.masters, addr)
		default:
			l.replicas = append(l.replicas, addr)
		}
	}
	slices.Sort(l.masters)
	slices.Sort(l.replicas)
	for shard, o := range l.owners {
		if o.addr != "" && (fails[o.addr] || downs[o.addr] > l.voters/2) {
			l.replacing |= setOf(session.Shard(shard))
		}
	}
	return l
}

// refresh asks all servers who has what, unless somebody has since the time given.
// errMinority if not most masters have answered: then what was known before stays,
// unless an answer is of a later epoch.
func (c *cluster) refresh(ctx context.Context, since time.Time) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	switch {
	case c.invalid != nil:
		return c.invalid
	case closed:
		return errClosed
	}
	if !c.asked.Before(since) {
		return c.told
	}
	c.asked = time.Now()             // what they say was true then
	ctx = context.WithoutCancel(ctx) // others wait for the answers, too
	c.mu.Lock()
	addrs := map[string]bool{}
	for _, addr := range c.members {
		addrs[addr] = true
	}
	if len(addrs) == 0 {
		for _, addr := range c.seeds {
			addrs[addr] = true
		}
	}
	c.mu.Unlock()
	answers := c.askAll(ctx, addrs)
	if len(answers) == 0 {
		for _, addr := range c.seeds { // all may have got other addresses meanwhile
			addrs[addr] = true
		}
		answers = c.askAll(ctx, addrs)
	}
	l := layoutOf(answers)
	most := l.spoken > l.voters/2
	switch {
	case len(l.masters) == 0:
		c.told = errNoCluster
		return c.told
	case most:
		c.told = nil
	default:
		c.told = errMinority
	}
	c.take(l, most)
	return c.told
}

// askAll asks servers at once. Who does not answer soon is not in the result. Held:
// c.asking.
func (c *cluster) askAll(ctx context.Context, addrs map[string]bool) map[string][]clusterNode {
	type one struct {
		addr  string
		nodes []clusterNode
		line  redis.Conn
	}
	all := make(chan one, len(addrs))
	for addr := range addrs {
		line := c.lines[addr]
		go func() {
			nodes, line := c.askOne(ctx, addr, line)
			all <- one{addr, nodes, line}
		}()
	}
	answers := map[string][]clusterNode{}
	for range addrs {
		a := <-all
		if len(a.nodes) > 0 {
			answers[a.addr] = a.nodes
		}
		if c.lines[a.addr] = a.line; a.line == nil {
			delete(c.lines, a.addr)
		}
	}
	for addr, line := range c.lines {
		if !addrs[addr] {
			line.Close()
			delete(c.lines, addr)
		}
	}
	return answers
}

// askOne asks the server at addr, through line if that is not nil, and returns the
// line for the next time.
func (c *cluster) askOne(ctx context.Context, addr string, line redis.Conn) (nodes []clusterNode, _ redis.Conn) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	for try := range 2 {
		if line == nil {
			var err error
			line, err = redis.DialContext(ctx, "tcp", addr, redis.DialReadTimeout(clusterTimeout), redis.DialWriteTimeout(clusterTimeout),
				redis.DialUsername(c.user), redis.DialPassword(c.password))
			if err != nil {
				return nil, nil
			}
			try = 1
		}
		text, err := redis.String(redis.DoContext(line, ctx, "CLUSTER", "NODES"))
		if err == nil {
			return parseNodes(text, addr), line
		}
		line.Close()
		if line = nil; try == 1 {
			break
		}
	}
	return nil, nil
}

// take makes l what is known. If not most masters have spoken, only of what is later
// than what was known.
func (c *cluster) take(l clusterLayout, most bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if most || len(c.members) == 0 {
		c.members = append(append([]string{}, l.masters...), l.replicas...)
		c.masters = len(l.masters)
		c.replacing = l.replacing
		left := map[string]bool{}
		for _, addr := range c.members {
			left[addr] = true
		}
		for addr, s := range c.servers {
			if !left[addr] {
				s.close()
				delete(c.servers, addr)
			}
		}
	}
	for shard := range l.owners {
		if is, was := l.owners[shard], c.owners[shard]; is.addr != "" && (most || is.epoch > was.epoch) {
			c.give(session.Shard(shard), is)
		}
	}
}

// give notes who has a shard. Held: c.mu.
func (c *cluster) give(shard session.Shard, to owner) {
	was := c.owners[shard]
	c.owners[shard] = to
	s := c.server(to.addr)
	c.at[shard].Store(s)
	bit := uint64(setOf(shard))
	if s.on.Load()&bit != 0 {
		return
	}
	c.versions[shard].Add(1)
	if old := c.servers[was.addr]; old != nil {
		old.on.And(^bit)
	}
	s.on.Or(bit)
	if g := s.client.gate; g != nil {
		g.gain()
	}
}

// moved notes that a server which had a shard has sent us to another for it.
func (c *cluster) moved(shard session.Shard, from, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is := c.owners[shard]; is.addr == from && to != from && !c.closed {
		c.give(shard, owner{to, is.epoch})
	}
}

// know sees to it that something is known of the cluster.
func (c *cluster) know(ctx context.Context) error {
	c.mu.Lock()
	known := len(c.members) > 0
	c.mu.Unlock()
	if known {
		return nil
	}
	return c.refresh(ctx, time.Now().Add(-clusterMemory))
}

// owner returns the master that has a shard.
func (c *cluster) owner(ctx context.Context, shard session.Shard) (*server, error) {
	err := c.know(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch addr := c.owners[shard].addr; {
	case c.closed:
		return nil, errClosed
	case addr != "":
		return c.server(addr), nil
	case err != nil:
		return nil, err
	}
	return nil, errNoCluster
}

// confirm makes sure that every change of who has a shard up to now has been noticed,
// and returns an error if one is about to come, or most masters do not say.
func (c *cluster) confirm(ctx context.Context, shard session.Shard) error {
	if err := c.refresh(ctx, time.Now()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replacing.has(setOf(shard)) {
		return errReplacing
	}
	return nil
}
