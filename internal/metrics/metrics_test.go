package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// quiet is a log that nobody reads.
var quiet = slog.New(slog.DiscardHandler)

var (
	patterns = []string{"-", "/mypage", "/mypage/sessions/{id}/end"}
	cameTo   = []string{"accepted", "credentials", "failed"}
)

// busy returns metrics that have been told of everything there is.
func busy(t testing.TB) *Metrics {
	t.Helper()
	m := New(Config{Version: "v1.2.3", LogInOutcomes: cameTo})
	m.KnowRoutes(patterns)
	m.Ask(Sources{
		Following: func() (session.Following, bool) {
			return session.Following{Known: 12, Applied: 10, Answered: time.Now(), Refused: 3, Shut: true}, true
		},
		Hashes:     func() user.HashQueue { return user.HashQueue{Running: 2, Waiting: 5, Refused: 7} },
		Streams:    func() int { return 11 },
		Unrecorded: func() int { return 13 },
	})
	for _, carrier := range []session.Carrier{session.Cookie, session.Bearer} {
		for o := range session.Outcomes {
			m.Checked(carrier, session.Outcome(o))
		}
		m.LoggedIn(carrier, "accepted")
	}
	for _, why := range session.Reasons() {
		m.Ended(why, 2)
	}
	m.Confirmed(session.Nodes{Confirmed: 3, Live: 3}, 4*time.Millisecond)
	m.Confirmed(session.Nodes{Confirmed: 2, Live: 3}, 250*time.Millisecond)
	m.Confirmed(session.Nodes{}, time.Millisecond)
	of := m.Timer(Redis, session.OpCheck, session.OpEnd)
	of.Timed(session.OpCheck, time.Millisecond, nil)
	of.Timed(session.OpCheck, 300*time.Millisecond, fmt.Errorf("%w: gone", session.ErrUnavailable))
	of.Timed(session.OpCheck, time.Millisecond, &session.EndedError{Reason: session.Logout})
	of.Timed(session.OpFollow, time.Millisecond, nil) // it is not asked for that
	m.Timer(Postgres, session.OpRecord).Timed(session.OpRecord, time.Millisecond, nil)
	m.Answered("/mypage", "GET", 200, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	m.CountLive(ctx, func(context.Context) (int, time.Time, error) {
		cancel()
		return 17, time.Now().Add(-time.Minute), nil
	})
	return m
}

func gather(t testing.TB, m *Metrics) []*dto.MetricFamily {
	t.Helper()
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// names returns the names of what m exports.
func names(t testing.TB, m *Metrics) (all []string) {
	for _, f := range gather(t, m) {
		all = append(all, f.GetName())
	}
	return all
}

// look returns what m says on its listener.
func look(t testing.TB, m *Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler(quiet).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %s", rec.Code, rec.Header())
	}
	return rec.Body.String()
}

// The names are as Prometheus wants them, and every one is explained.
func TestNames(t *testing.T) {
	m := busy(t)
	problems, err := promlint.NewWithMetricFamilies(gather(t, m)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, name := range names(t, m) {
		if !strings.HasPrefix(name, "gatehouse_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is of nobody", name)
		}
	}
}

// What has been told is what is shown.
func TestFigures(t *testing.T) {
	text := look(t, busy(t))
	for _, want := range []string{
		`gatehouse_checks_total{carrier="cookie",outcome="accepted"} 1`,
		`gatehouse_checks_total{carrier="bearer",outcome="unavailable"} 1`,
		`gatehouse_logins_total{carrier="bearer",outcome="accepted"} 1`,
		`gatehouse_logins_total{carrier="bearer",outcome="credentials"} 0`,
		`gatehouse_sessions_ended_total{reason="reuse"} 2`,
		`gatehouse_end_confirmation_seconds_bucket{le="0.0025"} 0`,
		`gatehouse_end_confirmation_seconds_bucket{le="0.005"} 1`,
		`gatehouse_end_confirmation_seconds_count 1`,
		`gatehouse_ends_unconfirmed_total 2`,
		`gatehouse_store_duration_seconds_count{operation="check",store="redis"} 3`,
		`gatehouse_store_failures_total{operation="check",store="redis"} 1`,
		`gatehouse_store_duration_seconds_count{operation="end",store="redis"} 0`,
		`gatehouse_store_duration_seconds_count{operation="record",store="postgres"} 1`,
		`gatehouse_http_requests_total{method="read",route="/mypage",status="2xx"} 1`,
		`gatehouse_http_request_duration_seconds_count{route="/mypage"} 1`,
		`gatehouse_ledger_newest_entry 12`,
		`gatehouse_ledger_applied_entry 10`,
		`gatehouse_ledger_lag_entries 2`,
		`gatehouse_gate_refusals_total 3`,
		`gatehouse_gate_shut 1`,
		`gatehouse_hashes_running 2`,
		`gatehouse_hashes_waiting 5`,
		`gatehouse_hashes_refused_total 7`,
		`gatehouse_event_streams_open 11`,
		`gatehouse_ends_unrecorded 13`,
		`gatehouse_sessions_live 17`,
		`gatehouse_sessions_live_age_seconds 6`, // and something
		`version="v1.2.3"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %s", want)
		}
	}
	for _, not := range []string{`operation="follow"`, `operation="scan"`} {
		if strings.Contains(text, not) {
			t.Errorf("it says %s", not)
		}
	}
}

// Where sessions and ledger are one database there is no gate to show, and before
// the first count no number of sessions: nothing is better than a zero.
func TestNothingToSay(t *testing.T) {
	m := New(Config{Version: "dev", LogInOutcomes: cameTo})
	m.Ask(Sources{
		Hashes:     func() user.HashQueue { return user.HashQueue{} },
		Streams:    func() int { return 0 },
		Unrecorded: func() int { return 0 },
	})
	for _, name := range names(t, m) {
		if strings.HasPrefix(name, "gatehouse_ledger_") || strings.HasPrefix(name, "gatehouse_gate_") || strings.HasPrefix(name, "gatehouse_sessions_live") {
			t.Errorf("it exports %s", name)
		}
	}
}

// Whatever is sent, no label takes a value that was not known before, and the
// number of series stays within what these values can make.
func TestLabelsAreBounded(t *testing.T) {
	m := busy(t)
	anything := func() string {
		b := make([]byte, rand.N(40))
		for i := range b {
			b[i] = byte(rand.N(256))
		}
		return string(b)
	}
	for range 5_000 {
		m.Answered(anything(), anything(), rand.N(2000)-1000, time.Duration(rand.Int64()))
		m.Answered(patterns[rand.N(len(patterns))], anything(), 100+rand.N(500), time.Second)
		m.LoggedIn(session.Carrier(anything()), anything())
		m.Checked(session.Carrier(anything()), session.Outcome(rand.N(session.Outcomes)))
		m.Ended(session.Reason(anything()), 1)
		m.Confirmed(session.Nodes{Confirmed: rand.N(9), Live: rand.N(9)}, time.Duration(rand.Int64()))
	}
	closed := map[string][]string{
		"carrier":   {"cookie", "bearer"},
		"outcome":   slices.Concat(cameTo, []string{"accepted", "none", "refused", "ended", "expired", "unavailable", "cancelled", "failed"}),
		"reason":    {"logout", "forced", "expired", "password", "disabled", "replaced", "reuse"},
		"store":     {"redis", "sqlite", "postgres"},
		"operation": {"check", "start", "write", "end", "list", "scan", "record", "follow"},
		"route":     patterns,
		"method":    {"read", "write", "other"},
		"status":    {"1xx", "2xx", "3xx", "4xx", "5xx", "other"},
		"version":   {"v1.2.3"},
		"goversion": nil, // Go's own
	}
	series := 0
	for _, f := range gather(t, m) {
		if !strings.HasPrefix(f.GetName(), "gatehouse_") {
			continue
		}
		for _, one := range f.GetMetric() {
			series++
			for _, label := range one.GetLabel() {
				values, known := closed[label.GetName()]
				if !known || values != nil && !slices.Contains(values, label.GetValue()) {
					t.Errorf("%s has %s=%q", f.GetName(), label.GetName(), label.GetValue())
				}
			}
		}
	}
	if most := 120; series > most {
		t.Errorf("%d series, want at most %d", series, most)
	}
}

// record is a store that has one session at hand.
type record struct{ session.Store }

func (record) Find(context.Context, session.ID) (session.Session, error) {
	return session.Session{}, nil
}

// What a check passes through allocates nothing.
func TestNothingIsAllocatedOnTheWayOfACheck(t *testing.T) {
	m := busy(t)
	of := m.Timer(Redis, session.OpCheck)
	gone := fmt.Errorf("%w: gone", session.ErrUnavailable)
	store := session.TimedStore(record{}, time.Now, of)
	ctx := t.Context()
	for name, f := range map[string]func(){
		"a check":             func() { m.Checked(session.Bearer, session.Accepted) },
		"a request":           func() { m.Answered("/mypage", "GET", 200, time.Millisecond) },
		"a stray request":     func() { m.Answered("/nowhere", "BREW", 418, time.Millisecond) },
		"a store":             func() { of.Timed(session.OpCheck, time.Millisecond, nil) },
		"a store that failed": func() { of.Timed(session.OpCheck, time.Millisecond, gone) },
		"a timed check":       func() { store.Find(ctx, "id") },
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// BenchmarkCheck: what counting and timing adds to a check that is accepted.
func BenchmarkCheck(b *testing.B) {
	m := busy(b)
	store := session.TimedStore(record{}, time.Now, m.Timer(Redis, session.OpCheck))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		store.Find(ctx, "id")
		m.Checked(session.Cookie, session.Accepted)
		m.Answered("/mypage", "GET", 200, time.Millisecond)
	}
}

// There is one page, to be read.
func TestNothingElseIsServed(t *testing.T) {
	h := busy(t).Handler(quiet)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/metrics", 200}, {"HEAD", "/metrics", 200}, {"GET", "/metrics?name[]=go_goroutines", 200},
		{"POST", "/metrics", 405}, {"DELETE", "/metrics", 405},
		{"GET", "/", 404}, {"GET", "/metrics/", 404}, {"GET", "/debug/pprof/", 404}, {"GET", "/healthz", 404}, {"GET", "/mypage", 404},
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(c.method, c.path, nil))
		if rec.Code != c.status || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d %v, want %d", c.method, c.path, rec.Code, rec.Header(), c.status)
		}
	}
}

// The number of sessions is what was counted last; that nobody could count it does
// not make it wrong, only old.
func TestCountLive(t *testing.T) {
	m := New(Config{LogInOutcomes: cameTo})
	counts := []func() (int, time.Time, error){
		func() (int, time.Time, error) { return 0, time.Time{}, nil }, // another node is counting the first
		func() (int, time.Time, error) { return 5, time.Now(), nil },
		func() (int, time.Time, error) { return 0, time.Time{}, errors.New("away") },
	}
	for i, want := range []string{"", "gatehouse_sessions_live 5\n", "gatehouse_sessions_live 5\n"} {
		ctx, cancel := context.WithCancel(t.Context())
		m.CountLive(ctx, func(context.Context) (int, time.Time, error) {
			cancel()
			return counts[i]()
		})
		if text := look(t, m); !strings.Contains(text, want) || (want == "") != !strings.Contains(text, "\ngatehouse_sessions_live ") {
			t.Errorf("after count %d it does not say %q", i+1, want)
		}
	}
}

// It serves until it is told to stop, and then nothing is left of it.
func TestServe(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		busy(t).Serve(ctx, l, quiet)
	}()
	url := "http://" + l.Addr().String() + "/metrics"
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(text), "\ngatehouse_sessions_live 17\n") {
		t.Errorf("%v\n%s", err, text)
	}
	cancel()
	<-done
	if resp, err := http.Get(url); err == nil {
		resp.Body.Close()
		t.Error("it still answers")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
