package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What methods and status codes are counted as.
const (
	reads = iota
	writes
	otherMethods
	methods
)

var (
	methodNames = [methods]string{"read", "write", "other"}
	statusNames = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx", "other"}
)

// methodIndex sorts methods as RFC 9110, section 9.2.1, does: what is safe reads.
func methodIndex(method string) int {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return reads
	case "POST", "PUT", "PATCH", "DELETE":
		return writes
	}
	return otherMethods
}

func statusIndex(status int) int {
	if status < 100 || status > 599 {
		return len(statusNames) - 1
	}
	return status/100 - 1
}

// noRoute is where requests are counted that no known route is for.
const noRoute = "-"

type httpFigures struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	routes   map[string]*route
}

// route is the series of one route, each made when it is first needed: most
// routes never meet most of them.
type route struct {
	requests [methods][len(statusNames)]atomic.Pointer[prometheus.Counter]
	took     atomic.Pointer[prometheus.Observer]
}

func newHTTPFigures(m *Metrics) *httpFigures {
	return &httpFigures{
		requests: add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_total",
			Help: "Requests answered, by the pattern of the route (- for none), method (read, write, other) and status (2xx and so on).",
		}, []string{"route", "method", "status"})),
		took: add(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gatehouse_http_request_duration_seconds",
			Help:    "Time from the first look at a request to the end of its answer, by the pattern of the route. An event stream (/mypage/events) lasts as long as the page is open.",
			Buckets: waits,
		}, []string{"route"})),
		routes: map[string]*route{noRoute: {}},
	}
}

// KnowRoutes makes the patterns known that Answered may be told. Call it before
// the first request.
func (m *Metrics) KnowRoutes(patterns []string) {
	for _, p := range patterns {
		if m.http.routes[p] == nil {
			m.http.routes[p] = &route{}
		}
	}
}

// Answered implements server.Observer.
func (m *Metrics) Answered(pattern, method string, status int, took time.Duration) {
	r := m.http.routes[pattern]
	if r == nil {
		pattern, r = noRoute, m.http.routes[noRoute]
	}
	i, j := methodIndex(method), statusIndex(status)
	count := r.requests[i][j].Load()
	if count == nil {
		c := m.http.requests.WithLabelValues(pattern, methodNames[i], statusNames[j])
		count = &c
		r.requests[i][j].Store(count)
	}
	(*count).Inc()
	observer := r.took.Load()
	if observer == nil {
		o := m.http.took.WithLabelValues(pattern)
		observer = &o
		r.took.Store(observer)
	}
	(*observer).Observe(took.Seconds())
}
