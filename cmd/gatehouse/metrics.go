package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/metrics"
	"gatehouse/internal/server"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// figures are the metrics of a server, and where they are served. They are nil if
// nobody wants them: then nothing is counted.
type figures struct {
	*metrics.Metrics
	listener net.Listener
}

// newFigures listens where c says, before anything else does: an address that
// cannot be had should not cost a start halfway.
func newFigures(c config.Config) (*figures, error) {
	if c.MetricsAddr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", c.MetricsAddr)
	if err != nil {
		return nil, fmt.Errorf("metrics cannot be served: choose another address in GATEHOUSE_METRICS_ADDR, or off\n%w", err)
	}
	m := metrics.New(metrics.Config{Version: version, LogInOutcomes: server.LogInOutcomes()})
	return &figures{m, l}, nil
}

// close is for a start that fails; more than once does no harm.
func (f *figures) close() {
	if f != nil {
		_ = f.listener.Close()
	}
}

// time has the stores of s timed.
func (f *figures) time(s *stores, c config.Config) {
	if f == nil {
		return
	}
	sql := metrics.SQLite
	if !c.DatabaseURL.IsEmpty() {
		sql = metrics.Postgres
	}
	ofSessions := []session.Operation{session.OpCheck, session.OpStart, session.OpWrite, session.OpEnd, session.OpList, session.OpScan}
	if s.redis == nil {
		both := f.Timer(sql, append(ofSessions, session.OpRecord)...)
		s.sessions = session.TimedStore(s.sessions, time.Now, both)
		s.ledger = session.TimedLedger(s.ledger, time.Now, both)
		return
	}
	s.sessions = session.TimedStore(s.sessions, time.Now, f.Timer(metrics.Redis, ofSessions...))
	s.ledger = session.TimedLedger(s.ledger, time.Now, f.Timer(sql, session.OpRecord, session.OpFollow))
}

// options are those of the manager of the sessions.
func (f *figures) options() []session.Option {
	if f == nil {
		return nil
	}
	return []session.Option{session.WithObserver(f)}
}

// observer is whom the server tells.
func (f *figures) observer() server.Observer {
	if f == nil {
		return nil
	}
	return f
}

// ask says who is asked for what nobody tells.
func (f *figures) ask(s *stores, sessions *session.Manager, hub *session.Hub, hasher *user.Hasher) {
	if f == nil {
		return
	}
	sources := metrics.Sources{Hashes: hasher.Queue, Streams: hub.Open, Unrecorded: sessions.Unrecorded}
	if s.redis != nil {
		sources.Following = s.redis.Following
	}
	f.Ask(sources)
}

// know says which routes there are.
func (f *figures) know(s *server.Server) {
	if f != nil {
		f.KnowRoutes(s.Patterns())
	}
}

// start serves the metrics and counts the live sessions until stop is called, which
// returns when nothing of it runs.
func (f *figures) start(ctx context.Context, s *stores, log *slog.Logger) (stop func()) {
	if f == nil {
		return func() {}
	}
	log.Info("metrics are served to anybody who gets there", "address", f.listener.Addr().String(), "path", "/metrics")
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { f.CountLive(ctx, s.count) })
	running.Go(func() { f.Serve(ctx, f.listener, log) })
	return func() { cancel(); running.Wait() }
}

// count returns how many sessions live, and when they were counted.
func (s *stores) count(ctx context.Context) (int, time.Time, error) {
	if s.redis != nil {
		return s.redis.Count(ctx, metrics.CountEvery)
	}
	now := time.Now()
	n, err := s.db.Sessions().Count(ctx, now)
	return n, now, err
}
