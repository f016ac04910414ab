package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/internal/session"
)

// The carriers, as indexes.
const (
	byCookie = iota
	byBearer
	carriers
)

func carrierIndex(c session.Carrier) int {
	if c == session.Bearer {
		return byBearer
	}
	return byCookie
}

// waits are the bounds of histograms in seconds: of an answer that somebody waits
// for. A store that is away is given up after 0.3 seconds.
var waits = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .3, 1, 5}

func (m *Metrics) addSessions(logInOutcomes []string) {
	checks := add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_checks_total",
		Help: "Checks whether a request, or a token that another service asks about, belongs to a live session, by what they came to: accepted, none (no token shown), refused (no token that counts), ended, expired, unavailable (a store did not answer: 503), cancelled (the client has gone), failed.",
	}, []string{"carrier", "outcome"}))
	logIns := add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_logins_total",
		Help: "Log-ins by what they came to: accepted, credentials (wrong), too_many (limited), busy (hash queue full), session_limit, ticket (its time was over), login_again (put out meanwhile), unavailable, cancelled, failed.",
	}, []string{"carrier", "outcome"}))
	for i, carrier := range [carriers]session.Carrier{session.Cookie, session.Bearer} {
		for o := range m.checks[i] {
			m.checks[i][o] = checks.WithLabelValues(string(carrier), session.Outcome(o).String())
		}
		m.logIns[i] = map[string]prometheus.Counter{}
		for _, came := range logInOutcomes {
			m.logIns[i][came] = logIns.WithLabelValues(string(carrier), came)
			m.otherLogIn = came
		}
	}
	ends := add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_sessions_ended_total",
		Help: "Sessions that this node has ended, by reason. What commands end is not among them, nor is a session that expires and of which nobody asks any more.",
	}, []string{"reason"}))
	m.ends = map[session.Reason]prometheus.Counter{}
	for _, why := range session.Reasons() {
		m.ends[why] = ends.WithLabelValues(string(why))
	}
	m.confirmed = add(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gatehouse_end_confirmation_seconds",
		Help:    "Time from the call of an end to the confirmation of the last node that its open pages have been told, for ends with a receipt (by an administrator) that every node has confirmed.",
		Buckets: waits,
	}))
	m.unconfirmed = add(m, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatehouse_ends_unconfirmed_total",
		Help: "Ends with a receipt that some node did not confirm in time, or of which no node could be asked. They are final all the same; an open page may be late.",
	}))
}

// Checked implements server.Observer.
func (m *Metrics) Checked(carrier session.Carrier, came session.Outcome) {
	m.checks[carrierIndex(carrier)][came].Inc()
}

// LoggedIn implements server.Observer.
func (m *Metrics) LoggedIn(carrier session.Carrier, came string) {
	logIns := m.logIns[carrierIndex(carrier)]
	if c := logIns[came]; c != nil {
		c.Inc()
	} else if c := logIns[m.otherLogIn]; c != nil {
		c.Inc()
	}
}

// Ended implements session.Observer.
func (m *Metrics) Ended(why session.Reason, n int) {
	if c := m.ends[why]; c != nil {
		c.Add(float64(n))
	}
}

// Confirmed implements session.Observer.
func (m *Metrics) Confirmed(nodes session.Nodes, took time.Duration) {
	if nodes.Live > 0 && nodes.Confirmed >= nodes.Live {
		m.confirmed.Observe(took.Seconds())
	} else {
		m.unconfirmed.Inc()
	}
}
