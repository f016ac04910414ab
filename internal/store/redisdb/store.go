package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// Store keeps sessions in Redis: on one server, or in a cluster, where it consists
// of a store for each shard.
type Store struct {
	dialer dialer
	client asker
	keys   keys
	// longest bounds how long a tombstone without a readable deadline stays.
	longest time.Duration

	// shard is which of a cluster this is; 0 where there is none.
	shard session.Shard
	// position is how far the shard is, for the gate that applies.
	position position
	// cluster has the shards; nil where this is one, or a single server.
	cluster *cluster
	shards  []*Store
	// hearing and gates are what holds the store to a ledger; nil if nothing does.
	hearing *hearing
	gates   func() []*gate
	// follows is the name of the ledger, if there is a gate.
	follows string
	// raw is past the gate.
	raw *Store
}

var _ session.Store = (*Store)(nil)

// Open returns a store on the server that url (redis:// or rediss://) names, on
// the master that the sentinels in it (redis+sentinel://) name, or in the cluster
// to which the servers in it (redis+cluster://) belong. It does not connect: a
// server that is away is an error of each call, not of the start. longest is the
// longest lifetime of a session.
func Open(url string, longest time.Duration) *Store {
	if strings.HasPrefix(url, clusterScheme) {
		return onCluster(newCluster(url, longest))
	}
	return onServer(dialerFor(url), longest)
}

func onServer(d dialer, longest time.Duration) *Store {
	return &Store{dialer: d, client: newClient(d), longest: longest}
}

func onCluster(c *cluster) *Store {
	any := route{c, 0}
	s := &Store{dialer: any, client: any, longest: c.longest, cluster: c}
	for shard, tag := range tags {
		to := route{c, session.Shard(shard)}
		s.shards = append(s.shards, &Store{dialer: to, client: to, keys: tag, shard: to.shard, longest: c.longest})
	}
	return s
}

// home returns the store of a shard: in a cluster one of many.
func (s *Store) home(shard session.Shard) *Store {
	if s.shards == nil {
		return s
	}
	return s.shards[shard]
}

// each returns the stores of all shards.
func (s *Store) each() []*Store {
	if s.shards == nil {
		return []*Store{s}
	}
	return s.shards
}

// errShard: the id was not made for that user (session.NewToken). On a single
// server it would do; in a cluster record and index were on different ones.
var errShard = errors.New("redisdb: the id of the session is of another shard than its user")

// homeOf returns the store of the shard of n, which both its id and its user tell.
func (s *Store) homeOf(n session.Session) (*Store, error) {
	shard := session.ShardOf(n.User)
	if s.cluster != nil && n.ID.Shard() != shard {
		return nil, errShard
	}
	return s.home(shard), nil
}

// Gate says what a store is held to by its ledger.
type Gate struct {
	Ledger session.Ledger
	// Name tells this ledger from every other.
	Name string
	// Lease is how long checks go on while the ledger cannot be asked.
	Lease time.Duration
	Log   *slog.Logger
}

// Follow puts the gate in front of every connection (I5). It returns once the
// server has been told all that the ledger knows, or with ErrLedgerOlder or
// ErrOtherLedger if the two do not belong together, or with ErrOldRedis; a
// server or a ledger that is away is no error but makes checks fail until it is
// back. From then on until ctx ends the two are compared twice a second.
func (s *Store) Follow(ctx context.Context, c Gate) error {
	h := &hearing{ledger: c.Ledger, name: c.Name + layout, lease: c.Lease, log: c.Log}
	gates := s.hold(ctx, h)
	ready := s.Ping
	if s.cluster != nil {
		ready = s.cluster.caughtUp
	}
	err := ready(ctx)
	for errors.Is(err, errBehind) && ctx.Err() == nil {
		err = ready(ctx)
	}
	if !withoutGate {
		s.hearing, s.gates = h, gates
		go h.watch(ctx, gates)
	}
	switch d := s.dialer.(type) {
	case *sentinels:
		go d.watch(ctx, c.Log)
	case route:
		go d.cluster.watch(ctx, c.Log)
	}
	if errors.Is(err, ErrLedgerOlder) || errors.Is(err, ErrOtherLedger) || errors.Is(err, ErrOldRedis) {
		return err
	}
	if err != nil {
		c.Log.Warn("sessions cannot be checked yet", "error", err.Error())
	}
	return ctx.Err()
}

// hold puts gates in front of all servers, and returns those that there are.
func (s *Store) hold(ctx context.Context, h *hearing) (gates func() []*gate) {
	if !withoutGate {
		s.follows = h.name
	}
	if s.cluster != nil {
		s.cluster.follow(h)
		return s.cluster.gates
	}
	s.raw = onServer(s.dialer, s.longest)
	context.AfterFunc(ctx, func() { s.raw.Close() })
	c, single := s.client.(*client)
	if withoutGate || !single {
		return nil
	}
	g := newGate(h, c, []*Store{s.raw}, func() shardSet { return s.bit() })
	c.gate = g
	return func() []*gate { return []*gate{g} }
}

// pastGate returns the way to the server, or to any of a cluster, that no gate is in.
func (s *Store) pastGate() func(context.Context, func(boundConn) error) error {
	switch {
	case s.cluster != nil:
		return s.cluster.any
	case s.raw != nil:
		return s.raw.client.do
	}
	return s.client.do
}

// Close closes the connections that are not in use, and the others once they no
// longer are.
func (s *Store) Close() error {
	switch c := s.client.(type) {
	case *client:
		c.pipes.close()
		return c.pool.Close()
	case route:
		c.cluster.close()
	}
	return nil
}

// Ping implements session.Store. In a cluster it is enough that one master answers:
// its users are served, and others are no better off elsewhere.
func (s *Store) Ping(ctx context.Context) error {
	if s.cluster != nil {
		return s.cluster.ping(ctx)
	}
	return s.client.do(ctx, ping)
}

func ping(c boundConn) error {
	_, err := c.Do("PING")
	return err
}

// Start implements session.Store.
func (s *Store) Start(ctx context.Context, n session.Start) error {
	s, err := s.homeOf(n.Session)
	if err != nil {
		return err
	}
	return s.client.do(ctx, func(c boundConn) error {
		words, err := redis.Strings(c.eval(startScript, packID(n.Session.ID), encodeRecord(n.Session), n.Limit))
		if err != nil {
			return err
		}
		if words[0] == "limit" {
			return &session.LimitError{Oldest: unpackIDs(words[1:])}
		}
		return verdict(words[0], nil)
	})
}

// Renew implements session.Store.
func (s *Store) Renew(ctx context.Context, old, next session.Session) error {
	s, err := s.homeOf(next)
	if err != nil {
		return err
	}
	return s.onMaster(ctx, old.ID, func(c boundConn) error {
		return verdict(redis.String(c.eval(renewScript,
			packID(old.ID), packID(next.ID), encodeRecord(next), next.LastSeen.UnixMilli())))
	})
}

// verdict turns the answer of the creating scripts into an error.
func verdict(word string, err error) error {
	if err != nil {
		return err
	}
	switch word {
	case "ok":
		return nil
	case "epoch":
		return session.ErrEpoch
	case "exists":
		return session.ErrExists
	}
	return errEnded
}

// errEnded stands for "ended, reason not looked up yet".
var errEnded = &session.EndedError{Reason: session.Expired}

// Save implements session.Store.
func (s *Store) Save(ctx context.Context, n session.Session, data []byte, now time.Time) error {
	if data == nil {
		data = []byte{}
	}
	return s.home(n.ID.Shard()).write(ctx, n.ID, packID(n.ID), now.UnixMilli(), data)
}

// Touch implements session.Store.
func (s *Store) Touch(ctx context.Context, n session.Session, now time.Time) error {
	return s.home(n.ID.Shard()).write(ctx, n.ID, packID(n.ID), now.UnixMilli())
}

func (s *Store) write(ctx context.Context, id session.ID, args ...any) error {
	return s.onMaster(ctx, id, func(c boundConn) error {
		alive, err := redis.Bool(c.eval(saveScript, args...))
		if err == nil && !alive {
			return errEnded
		}
		return err
	})
}

// onMaster does f about the session id, and says why that has ended if f says
// that it has. That nothing at all is left of a session is believed only of the
// master of this moment: to one of before, that does not know yet, a session that
// has begun on the next looks the same. f has to be harmless to repeat.
func (s *Store) onMaster(ctx context.Context, id session.ID, f func(boundConn) error) error {
	for range onMasterTries {
		before := s.client.version()
		err := s.client.do(ctx, f)
		if err, settled := s.settle(ctx, id, before, err); settled {
			return err
		}
	}
	return errNoMaster
}

// onMasterTries is how often another master may be found to have come meanwhile.
const onMasterTries = 4

var errNoMaster = fmt.Errorf("%w: redis: %w", session.ErrUnavailable, errStale)

// settle says what to answer where asking about the session id has come to err,
// and whether it holds: before is the client's generation from before it was asked.
func (s *Store) settle(ctx context.Context, id session.ID, before uint64, err error) (_ error, holds bool) {
	if err == nil {
		return nil, true
	}
	err = s.withReason(ctx, id, err)
	if !errors.Is(err, error(errEnded)) {
		return err, true
	}
	if replacing := s.dialer.confirm(ctx); replacing != nil {
		return fmt.Errorf("%w: redis: %w", session.ErrUnavailable, replacing), true
	}
	return err, s.client.version() == before
}

// withReason looks up why a session ended, if that is what err says. Not
// knowing the reason is no reason not to say that it ended.
func (s *Store) withReason(ctx context.Context, id session.ID, err error) error {
	if !errors.Is(err, error(errEnded)) {
		return err
	}
	var stone string
	lookup := s.client.do(ctx, func(c boundConn) (err error) {
		stone, err = redis.String(c.Do("GET", s.keys.tombstone(id)))
		if errors.Is(err, redis.ErrNil) {
			return nil
		}
		return err
	})
	if lookup != nil {
		return lookup // we cannot tell "ended" from "the server has just lost its mind"
	}
	word, _, _ := strings.Cut(stone, ":")
	if reason, ok := session.ParseReason(word); ok {
		return &session.EndedError{Reason: reason}
	}
	return errEnded
}
