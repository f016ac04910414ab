package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/internal/session"
)

// fast are the bounds of histograms in seconds: of a store nearby.
var fast = []float64{.00005, .0001, .0002, .0005, .001, .002, .005, .01, .025, .05, .1, .3, 1, 5}

func (m *Metrics) addStores() {
	m.stores = add(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gatehouse_store_duration_seconds",
		Help:    "Time that a store took, waiting for a connection included, by what it was asked for: check, start, write, end, list (of one user), scan (over all sessions) of sessions; record, follow of the ledger.",
		Buckets: fast,
	}, []string{"store", "operation"}))
	m.failures = add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_store_failures_total",
		Help: "Times that a store did not answer, or not in time.",
	}, []string{"store", "operation"}))
}

// Store is a kind of store, as a label.
type Store string

// The stores.
const (
	Redis    Store = "redis"
	SQLite   Store = "sqlite"
	Postgres Store = "postgres"
)

// Timer returns the session.Timer of a store that is asked for some operations:
// those of the others are no series.
func (m *Metrics) Timer(store Store, operations ...session.Operation) session.Timer {
	t := &timer{}
	for _, op := range operations {
		t.took[op] = m.stores.WithLabelValues(string(store), op.String())
		t.failed[op] = m.failures.WithLabelValues(string(store), op.String())
	}
	return t
}

type timer struct {
	took   [session.Operations]prometheus.Observer
	failed [session.Operations]prometheus.Counter
}

// Timed implements session.Timer.
func (t *timer) Timed(op session.Operation, took time.Duration, err error) {
	if t.took[op] == nil {
		return
	}
	t.took[op].Observe(took.Seconds())
	if err != nil && errors.Is(err, session.ErrUnavailable) {
		t.failed[op].Inc()
	}
}
