package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"gatehouse/internal/session"
)

// Config says what the program is and what it may be told.
type Config struct {
	Version       string   // of the program
	LogInOutcomes []string // what Metrics.LoggedIn may be told; the last one stands for any other
}

// Metrics are the figures of one running program. It is a session.Observer and a
// server.Observer.
type Metrics struct {
	registry *prometheus.Registry

	checks      [carriers][session.Outcomes]prometheus.Counter
	logIns      [carriers]map[string]prometheus.Counter
	otherLogIn  string
	ends        map[session.Reason]prometheus.Counter
	confirmed   prometheus.Observer
	unconfirmed prometheus.Counter
	stores      *prometheus.HistogramVec
	failures    *prometheus.CounterVec
	http        *httpFigures
	live        *live
}

// New returns metrics that nobody has been told anything of.
func New(c Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	add(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gatehouse_build_info",
		Help: "1, with the version of the program and of Go as labels.",
	}, []string{"version", "goversion"})).WithLabelValues(c.Version, runtime.Version()).Set(1)
	m.addSessions(c.LogInOutcomes)
	m.addStores()
	m.http = newHTTPFigures(m)
	m.live = add(m, newLive())
	return m
}

// add registers what is measured; a name that is there twice is a mistake in this
// package.
func add[C prometheus.Collector](m *Metrics, c C) C {
	m.registry.MustRegister(c)
	return c
}
