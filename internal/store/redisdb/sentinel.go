package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	sentinelScheme = "redis+sentinel://"
	// sentinelTimeout is short because a sentinel that hangs must not use up
	// the time that the operation has.
	sentinelTimeout = 100 * time.Millisecond
	// sentinelEvery is how often a node asks whether the master has changed.
	sentinelEvery = 250 * time.Millisecond
	// sentinelMemory is how long an answer serves others who ask.
	sentinelMemory = 50 * time.Millisecond
)

var (
	errNoSentinel = errors.New("redisdb: no sentinel knows the master")
	errReplacing  = errors.New("redisdb: the sentinels are replacing the master")
	errURL        = errors.New("redisdb: the URL cannot be read") // and is not shown: it may hold a password
)

// sentinels dials the master that Redis Sentinel has chosen. All sentinels are
// asked at once and the one that has heard of the latest failover is believed:
// one that was cut off meanwhile still names the master of before.
type sentinels struct {
	addrs          []string
	name           string // of the master
	user, password string // for Redis, and for sentinels that want one
	database       int
	invalid        error // the URL cannot be read

	mu      sync.Mutex
	current master // the latest known
	asked   time.Time
	met     string // the server behind the latest connection, as serverOf names it
	// changed is called, under mu, when another server has become the master.
	changed []func()
}

// master is where a sentinel says that the master is, and since which failover.
type master struct {
	addr  string
	epoch int64
	// down: this sentinel does not reach it.
	down bool
	// replacing: most sentinels do not, and a replica is to take its place.
	replacing bool
}

// newSentinels reads redis+sentinel://user:password@host:port,host:port/name/db.
// net/url knows no lists of hosts, so it gets one without.
func newSentinels(raw string) *sentinels {
	authority, path, _ := strings.Cut(strings.TrimPrefix(raw, sentinelScheme), "/")
	at := strings.LastIndexByte(authority, '@') + 1
	s := &sentinels{addrs: strings.Split(authority[at:], ",")}
	for i, addr := range s.addrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			s.addrs[i] = net.JoinHostPort(strings.Trim(addr, "[]"), "26379")
		}
	}
	u, err := url.Parse("redis://" + authority[:at] + "sentinels/" + path)
	if err != nil {
		s.invalid = errURL
		return s
	}
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	name, database, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	s.name = name
	if database != "" {
		if s.database, err = strconv.Atoi(database); err != nil {
			s.invalid = errURL
		}
	}
	return s
}

// dial implements dialer. What is not a master is not returned: the sentinels
// may have been asked a moment too early, and an old master comes back as one
// for a while.
func (s *sentinels) dial(ctx context.Context) (redis.Conn, error) {
	addr, err := s.master(ctx)
	if err != nil {
		return nil, err
	}
	var wire wireDialer
	c, err := wire.wired(redis.DialContext(ctx, "tcp", addr, dialWithin(redis.DialContextFunc(wire.dial),
		redis.DialUsername(s.user), redis.DialPassword(s.password), redis.DialDatabase(s.database))...))
	if err != nil {
		return nil, err
	}
	server, err := serverOf(boundTo(ctx, c))
	if err == nil {
		err = s.meet(server)
	}
	if err != nil {
		c.Close()
		return nil, oldAt(addr, err)
	}
	return c, nil
}

// meet refuses a server that is new to us while the sentinels replace the master.
// Until the new one is known they go on naming the old, and it may have been
// started again meanwhile, without its data: every session would be answered as
// ended that lives on the replica. One that we know is merely cut off from them.
func (s *sentinels) meet(server string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.met != server && s.current.replacing {
		return errReplacing
	}
	s.met = server
	return nil
}

// master returns the address of the master. If no sentinel answers it is the
// last one known: without sentinels there is no failover either, or none that
// we could hear of, and the gate still holds what Redis says against the ledger.
func (s *sentinels) master(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.invalid != nil {
		return "", s.invalid
	}
	if time.Since(s.asked) > sentinelMemory {
		s.asked = time.Now() // what they say was true then
		s.ask(ctx)
	}
	if s.current.addr == "" {
		return "", errNoSentinel
	}
	return s.current.addr, nil
}

// ask asks all sentinels and keeps the answer with the highest epoch. One that
// is lower than what was known before counts only if most sentinels have spoken:
// they have been set up anew.
func (s *sentinels) ask(ctx context.Context) {
	answers := make(chan master, len(s.addrs))
	for _, addr := range s.addrs {
		go func() {
			m, err := s.askOne(ctx, addr)
			if err != nil {
				m = master{}
			}
			answers <- m
		}()
	}
	var spoken []master
	for range s.addrs {
		if m := <-answers; m.addr != "" {
			spoken = append(spoken, m)
		}
	}
	if ctx.Err() != nil && len(spoken) < len(s.addrs) {
		s.asked = time.Time{} // nobody has waited for the others: that they are silent means nothing
		return
	}
	latest := latestOf(spoken, s.current.addr, len(s.addrs))
	if len(spoken) > 0 && (latest.epoch >= s.current.epoch || len(spoken) > len(s.addrs)/2) {
		if s.current.addr != "" && s.current.addr != latest.addr {
			for _, f := range s.changed {
				f()
			}
		}
		s.current = latest
	}
	if len(spoken) == 0 {
		s.current.replacing = false // nobody is left to do it
	}
}

// latestOf returns the master of the highest epoch in answers, which all has
// sentinels could have given. Where two masters have the same epoch, it is the one
// that most name, and of equals the one before: a sentinel that is still busy with
// one failover when it hears of the next may take over the epoch of the next with
// the address of its own (sentinelProcessHelloMessage, Redis 7.0).
func latestOf(answers []master, before string, all int) (latest master) {
	named := map[string]int{}
	for _, m := range answers {
		if m.epoch > latest.epoch {
			clear(named)
		}
		if m.epoch >= latest.epoch {
			latest.epoch = m.epoch
			named[m.addr]++
		}
	}
	for _, m := range answers { // in their order
		n, most := named[m.addr], named[latest.addr]
		if n > most || n == most && n > 0 && m.addr == before {
			latest.addr = m.addr
		}
	}
	down := 0
	for _, m := range answers {
		if m.addr == latest.addr {
			latest.replacing = latest.replacing || m.replacing
			if m.down {
				down++
			}
		}
	}
	// One of them has the failover under way, or it is about to begin.
	latest.replacing = latest.replacing || down > all/2
	return latest
}

// onChange has f called whenever there is another master. f must not block, nor
// ask who it is.
func (s *sentinels) onChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = append(s.changed, f)
}

// confirm implements dialer: it asks anew. Whoever calls it when a change has come
// about finds the change carried out, and errReplacing if one is about to. The
// context's error if it ended before they could say.
func (s *sentinels) confirm(ctx context.Context) error {
	since := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.Before(since) { // else somebody has asked while we waited for the lock
		s.asked = time.Now()
		s.ask(ctx)
	}
	if s.current.replacing {
		return errReplacing
	}
	return ctx.Err()
}

func (s *sentinels) askOne(ctx context.Context, addr string) (m master, err error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelTimeout)
	defer cancel()
	c, err := redis.DialContext(ctx, "tcp", addr,
		redis.DialReadTimeout(sentinelTimeout), redis.DialWriteTimeout(sentinelTimeout))
	if err != nil {
		return m, err
	}
	defer c.Close()
	state, err := redis.StringMap(c.Do("SENTINEL", "MASTER", s.name))
	if err != nil && strings.HasPrefix(err.Error(), "NOAUTH ") && s.password != "" {
		if err = s.authenticate(c); err == nil {
			state, err = redis.StringMap(c.Do("SENTINEL", "MASTER", s.name))
		}
	}
	if err != nil {
		return m, err
	}
	if m.epoch, err = strconv.ParseInt(state["config-epoch"], 10, 64); err != nil {
		return m, err
	}
	// During a failover only this command names the new master already. It comes
	// second: the epoch must not be newer than the address.
	where, err := redis.Strings(c.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.name))
	if err != nil {
		return m, err
	}
	if len(where) != 2 {
		return m, fmt.Errorf("redisdb: %d parts in an address", len(where))
	}
	m.addr = net.JoinHostPort(where[0], where[1])
	if m.addr == net.JoinHostPort(state["ip"], state["port"]) { // else the flags are those of another
		for flag := range strings.SplitSeq(state["flags"], ",") {
			m.down = m.down || flag == "s_down"
			m.replacing = m.replacing || flag == "o_down" || flag == "failover_in_progress"
		}
	}
	return m, nil
}

func (s *sentinels) authenticate(c redis.Conn) (err error) {
	if s.user == "" {
		_, err = c.Do("AUTH", s.password)
	} else {
		_, err = c.Do("AUTH", s.user, s.password)
	}
	return err
}

// watch asks for the master until ctx ends: an old one that is merely cut off
// breaks no connection by itself.
func (s *sentinels) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(sentinelEvery)
	defer tick.Stop()
	var was string
	for {
		is, err := s.master(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && was != "" && is != was:
			log.Warn("Redis has another master", "was", was, "is", is)
			fallthrough
		case err == nil:
			was = is
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
