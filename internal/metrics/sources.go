package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Sources are who is asked each time that somebody looks; none of them takes long.
type Sources struct {
	// Following says how far the session store follows the ledger; nil where they
	// are one database.
	Following  func() (session.Following, bool)
	Hashes     func() user.HashQueue
	Streams    func() int // open event streams
	Unrecorded func() int // session.Manager.Unrecorded
}

// Ask asks s from now on. Call it once.
func (m *Metrics) Ask(s Sources) {
	gauge := func(name, help string, value func() float64) {
		add(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		add(m, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	gauge("gatehouse_hashes_running", "Password hashes being computed.",
		func() float64 { return float64(s.Hashes().Running) })
	gauge("gatehouse_hashes_waiting", "Log-ins and the like that wait for their turn to have a password hash computed.",
		func() float64 { return float64(s.Hashes().Waiting) })
	counter("gatehouse_hashes_refused_total", "Log-ins and the like that were refused (503) because too many waited for a password hash.",
		func() float64 { return float64(s.Hashes().Refused) })
	gauge("gatehouse_event_streams_open", "Event streams to open pages.",
		func() float64 { return float64(s.Streams()) })
	gauge("gatehouse_ends_unrecorded", "Sessions that have ended of which the ledger does not know yet: kept in memory until the database answers.",
		func() float64 { return float64(s.Unrecorded()) })
	if s.Following != nil {
		add(m, newGate(s.Following))
	}
}

// gate shows session.Following, all of it of one moment.
type gate struct {
	following                                      func() (session.Following, bool)
	known, applied, lag, silence, refusals, closed *prometheus.Desc
}

func newGate(following func() (session.Following, bool)) *gate {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &gate{
		following: following,
		known:     desc("gatehouse_ledger_newest_entry", "Number of the newest entry of the ledger of ends that this node knows of."),
		applied:   desc("gatehouse_ledger_applied_entry", "Number of the newest entry that Redis said it has applied, when this node last asked."),
		lag:       desc("gatehouse_ledger_lag_entries", "Entries of the ledger that Redis has not applied. An end being carried out makes it 1 for a moment."),
		silence:   desc("gatehouse_ledger_silence_seconds", "Time since the database last said how long the ledger is. Beyond GATEHOUSE_LEDGER_LEASE checks answer 503."),
		refusals:  desc("gatehouse_gate_refusals_total", "Times that a connection to Redis was not used because Redis or this node did not know of every end."),
		closed:    desc("gatehouse_gate_shut", "1 if Redis and the database do not belong together: every check answers 503 until somebody settles it and restarts the program."),
	}
}

// Describe implements prometheus.Collector.
func (g *gate) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.known, g.applied, g.lag, g.silence, g.refusals, g.closed} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gate) Collect(to chan<- prometheus.Metric) {
	f, ok := g.following()
	if !ok {
		return
	}
	show := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	show(g.known, float64(f.Known))
	show(g.applied, float64(f.Applied))
	show(g.lag, float64(f.Lag()))
	if !f.Answered.IsZero() {
		show(g.silence, time.Since(f.Answered).Seconds())
	}
	shut := 0.0
	if f.Shut {
		shut = 1
	}
	show(g.closed, shut)
	to <- prometheus.MustNewConstMetric(g.refusals, prometheus.CounterValue, float64(f.Refused))
}
