package metrics

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How many sessions live no store knows without looking at all of them, and adding
// up starts and ends goes wrong with each crash, and with each session that expires
// unseen. So they are counted now and then in the background, and the figure says
// how old it is. A look at the metrics costs nothing, however many there are.
const (
	// CountEvery is how old a count of the live sessions becomes before the next.
	CountEvery = 5 * time.Minute
	// countAgain is when it is tried again if there was nothing to be had: the
	// store is away, or another node is still counting.
	countAgain = 15 * time.Second
)

// live is the latest count of the live sessions.
type live struct {
	latest        atomic.Pointer[count]
	sessions, age *prometheus.Desc
}

type count struct {
	sessions int
	at       time.Time
}

func newLive() *live {
	return &live{
		sessions: prometheus.NewDesc("gatehouse_sessions_live",
			"Live sessions on all nodes when they were last counted. They are counted again five minutes after the last count; gatehouse_sessions_live_age_seconds says how long ago that was. Every node shows the same: do not add them up.", nil, nil),
		age: prometheus.NewDesc("gatehouse_sessions_live_age_seconds",
			"Age of gatehouse_sessions_live.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (l *live) Describe(to chan<- *prometheus.Desc) {
	to <- l.sessions
	to <- l.age
}

// Collect implements prometheus.Collector. Before the first count there is nothing
// to say.
func (l *live) Collect(to chan<- prometheus.Metric) {
	if c := l.latest.Load(); c != nil {
		to <- prometheus.MustNewConstMetric(l.sessions, prometheus.GaugeValue, float64(c.sessions))
		to <- prometheus.MustNewConstMetric(l.age, prometheus.GaugeValue, max(0, time.Since(c.at).Seconds()))
	}
}

// CountLive keeps the number of live sessions until ctx ends. sessions returns a
// number and when it was counted, at most CountEvery ago if that can be had, or
// the zero time if there is none yet.
func (m *Metrics) CountLive(ctx context.Context, sessions func(context.Context) (int, time.Time, error)) {
	for {
		wait := countAgain
		if n, at, err := sessions(ctx); err == nil && !at.IsZero() {
			m.live.latest.Store(&count{n, at})
			wait = max(wait, CountEvery-time.Since(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
