package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
)

var shownAt = regexp.MustCompile(`msg="metrics are served[^"]*" address=(\S+)`)

// metricsURL returns where n serves its metrics; empty if it does not say.
func (n *node) metricsURL() string {
	if found := shownAt.FindStringSubmatch(n.stderr.String()); found != nil {
		return "http://" + found[1] + "/metrics"
	}
	return ""
}

// metrics returns what n says of itself.
func (n *node) metrics(t testing.TB) string {
	t.Helper()
	eventually(t, "it says where its metrics are", func() bool { return n.metricsURL() != "" })
	resp, err := http.Get(n.metricsURL())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", n.metricsURL(), resp.StatusCode, err)
	}
	return string(text)
}

// figure returns the value of a series, with its labels as Prometheus writes them,
// and whether there is one.
func (n *node) figure(t testing.TB, series string) (float64, bool) {
	t.Helper()
	for line := range strings.Lines(n.metrics(t)) {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				t.Fatal(err)
			}
			return value, true
		}
	}
	return 0, false
}

// moves does f and checks by how much each of the series has moved at n: by so much
// or, with "+" behind it, at least so much.
func (n *node) moves(t *testing.T, what string, f func(), want map[string]string) {
	t.Helper()
	before := map[string]float64{}
	for series := range want {
		before[series], _ = n.figure(t, series)
	}
	f()
	for series, by := range want {
		text, least := strings.CutSuffix(by, "+")
		wanted, err := strconv.ParseFloat(text, 64)
		check(t, err)
		now, _ := n.figure(t, series)
		if got := now - before[series]; got != wanted && (!least || got < wanted) {
			t.Errorf("%s: %s moves by %v, want %s", what, series, got, by)
		}
	}
}

const (
	accepted    = `gatehouse_checks_total{carrier="cookie",outcome="accepted"}`
	ended       = `gatehouse_checks_total{carrier="cookie",outcome="ended"}`
	unavailable = `gatehouse_checks_total{carrier="cookie",outcome="unavailable"}`
)

// With metrics on, what happens at a node shows in its figures, in both set-ups.
func TestMetrics(t *testing.T) {
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		store, sql := "sqlite", "sqlite"
		if first != other {
			store, sql = "redis", "postgres"
		}
		took := func(store, operation string) string {
			return fmt.Sprintf(`gatehouse_store_duration_seconds_count{operation=%q,store=%q}`, operation, store)
		}
		answered := func(route, method, status string) string {
			return fmt.Sprintf(`gatehouse_http_requests_total{method=%q,route=%q,status=%q}`, method, route, status)
		}
		admin, kim := newClient(t), newClient(t)
		admin.setUp(first)
		kim.signUp(first, "kim")

		other.moves(t, "a wrong password", func() { kim.copy().tryLogIn(other, "kim", "not the password").is(t, 401, "") }, map[string]string{
			`gatehouse_logins_total{carrier="cookie",outcome="credentials"}`: "1",
			`gatehouse_logins_total{carrier="cookie",outcome="accepted"}`:    "0",
			answered("/login", "write", "4xx"):                               "1",
		})
		other.moves(t, "a log-in", func() { kim.logIn(other, "kim") }, map[string]string{
			`gatehouse_logins_total{carrier="cookie",outcome="accepted"}`: "1",
			`gatehouse_logins_total{carrier="bearer",outcome="accepted"}`: "0",
			`gatehouse_sessions_ended_total{reason="replaced"}`:           "1", // the one of the sign-up
			took(store, "start"):               "1+",
			answered("/login", "write", "3xx"): "1",
		})
		other.moves(t, "a program's log-in", func() { newApp(t, other, "kim").isIn(other) }, map[string]string{
			`gatehouse_logins_total{carrier="bearer",outcome="accepted"}`:       "1",
			`gatehouse_checks_total{carrier="bearer",outcome="accepted"}`:       "1",
			answered("/api/v1/me", "read", "2xx"):                               "1",
			`gatehouse_http_request_duration_seconds_count{route="/api/v1/me"}`: "1+",
		})
		other.moves(t, "a check", func() { kim.isIn(other) }, map[string]string{
			accepted:                           "1",
			took(store, "check"):               "1+",
			answered("/mypage", "read", "2xx"): "1",
		})
		first.moves(t, "a visitor", func() { newClient(t).get(first, "/mypage") }, map[string]string{
			`gatehouse_checks_total{carrier="cookie",outcome="none"}`: "1",
			took(store, "check"): "0",
		})
		kim.stream(other)
		eventually(t, "an event stream is open", func() bool { n, _ := other.figure(t, "gatehouse_event_streams_open"); return n == 1 })

		ledger := "record"
		if store == sql {
			ledger = "end" // both at once
		}
		victim := string(kim.sessionID())
		first.moves(t, "an end", func() { admin.post(first, "/admin/sessions/"+victim+"/end").is(t, 303, "/admin/sessions") }, map[string]string{
			`gatehouse_sessions_ended_total{reason="forced"}`: "1",
			took(store, "end"): "1+",
			took(sql, ledger):  "1+",
		})
		confirmed, _ := first.figure(t, "gatehouse_end_confirmation_seconds_count")
		unconfirmed, _ := first.figure(t, "gatehouse_ends_unconfirmed_total")
		if confirmed+unconfirmed != 1 {
			t.Errorf("an end with a receipt: %v confirmed, %v not", confirmed, unconfirmed)
		}
		other.moves(t, "a check of what has ended", func() { kim.copy().isOut(other, session.Forced) }, map[string]string{ended: "1", accepted: "0"})

		if first != other {
			eventually(t, "both know of the end", func() bool {
				for _, n := range []*node{first, other} {
					known, _ := n.figure(t, "gatehouse_ledger_newest_entry")
					applied, _ := n.figure(t, "gatehouse_ledger_applied_entry")
					if lag, there := n.figure(t, "gatehouse_ledger_lag_entries"); known < 1 || applied < known || lag != 0 || !there {
						return false
					}
				}
				return true
			})
		} else if strings.Contains(first.metrics(t), "gatehouse_ledger_") {
			t.Error("without Redis it shows how far Redis is")
		}

		// It stops with the server.
		for _, n := range []*node{first, other} {
			url := n.metricsURL()
			if code := n.stop(); code != exitOK {
				t.Fatalf("exit code %d\n%s", code, n.stderr)
			}
			if resp, err := http.Get(url); err == nil {
				resp.Body.Close()
				t.Error("metrics are still served")
			}
		}
	}, append(slices.Clone(oneURL), "GATEHOUSE_METRICS_ADDR", "127.0.0.1:0")...)
}

// All that the README lists is there, with Redis, once the sessions are counted.
func TestMetricsOfTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	check(t, err)
	n := startNode(t, shared(t).with("GATEHOUSE_METRICS_ADDR", "127.0.0.1:0"))
	newClient(t).signUp(n, "kim")
	eventually(t, "sessions are counted", func() bool { _, ok := n.figure(t, "gatehouse_sessions_live"); return ok })
	text := n.metrics(t)
	rows := regexp.MustCompile("(?m)^\\| `(gatehouse_[a-z_]+)`").FindAllStringSubmatch(string(readme), -1)
	if len(rows) < 20 {
		t.Errorf("only %d metrics are listed", len(rows))
	}
	for _, row := range rows {
		if !strings.Contains(text, "\n# TYPE "+row[1]+" ") {
			t.Errorf("%s is not there", row[1])
		}
	}
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(line, "# TYPE gatehouse_")
		name, _, _ = strings.Cut(name, " ")
		if ok && !slices.ContainsFunc(rows, func(row []string) bool { return row[1] == "gatehouse_"+name }) {
			t.Errorf("gatehouse_%s is not listed", name)
		}
	}
}

// The live sessions are those that are there, whoever has started them.
func TestMetricsCountLiveSessions(t *testing.T) {
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		for i := range 5 {
			newClient(t).signUp(first, fmt.Sprint("user", i))
		}
		gone := newClient(t)
		gone.signUp(other, "gone")
		gone.post(other, "/logout").is(t, 303, "/login?ended=logout")
		first.stop()
		n := startNode(t, first.settings.with("GATEHOUSE_METRICS_ADDR", "127.0.0.1:0"))
		eventually(t, "sessions are counted", func() bool { _, ok := n.figure(t, "gatehouse_sessions_live"); return ok })
		if live, _ := n.figure(t, "gatehouse_sessions_live"); live != 5 {
			t.Errorf("%v sessions live, want 5", live)
		}
		if age, ok := n.figure(t, "gatehouse_sessions_live_age_seconds"); !ok || age < 0 || age > patience.Seconds() {
			t.Errorf("counted %v seconds ago", age)
		}
	})
}

// An outage shows as what it is: checks that nobody could decide, a store that
// failed, ends that wait to be recorded, a ledger that is silent.
func TestMetricsOfAnOutage(t *testing.T) {
	t.Parallel()
	redis, postgres := testenv.RedisServer(t), testenv.PostgresServer(t)
	n := startNode(t, embedded(t).with("GATEHOUSE_DATABASE_URL", postgres.URL(), "GATEHOUSE_REDIS_URL", redis.URL(), "GATEHOUSE_METRICS_ADDR", "127.0.0.1:0"))
	kim := newClient(t)
	kim.signUp(n, "kim")
	kim.isIn(n)

	redis.Stop()
	n.moves(t, "Redis is away", func() {
		for range 3 {
			kim.getOnce(n, "/mypage").is(t, 503, "")
		}
	}, map[string]string{
		unavailable: "3",
		accepted:    "0",
		`gatehouse_store_failures_total{operation="check",store="redis"}`:           "3+",
		`gatehouse_http_requests_total{method="read",route="/mypage",status="5xx"}`: "3",
	})
	redis.Start()
	eventually(t, "kim is in again", func() bool { return kim.getOnce(n, "/mypage").status == 200 })

	postgres.Stop()
	n.moves(t, "the database is away", func() { kim.copy().postOnce(n, "/logout").is(t, 503, "") }, map[string]string{
		`gatehouse_store_failures_total{operation="record",store="postgres"}`: "1+",
		`gatehouse_sessions_ended_total{reason="logout"}`:                     "1",
		"gatehouse_ends_unrecorded":                                           "1",
	})
	eventually(t, "the ledger is silent", func() bool { s, _ := n.figure(t, "gatehouse_ledger_silence_seconds"); return s > 1 })
	postgres.Start()
	eventually(t, "the end is recorded", func() bool {
		waiting, _ := n.figure(t, "gatehouse_ends_unrecorded")
		silence, _ := n.figure(t, "gatehouse_ledger_silence_seconds")
		return waiting == 0 && silence < 1
	})
}

// What strangers send is in no label, and makes no new series after the first
// time.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	n := startNode(t, embedded(t).with("GATEHOUSE_METRICS_ADDR", "127.0.0.1:0"))
	newClient(t).signUp(n, "kim")
	attack := func(word string) {
		conn := n.dial(t)
		go io.Copy(io.Discard, conn) // until the test is over
		for _, path := range []string{"/" + word, "/mypage/sessions/" + word + "/end", "/static/" + word, "/admin/users/" + word + "/disable", "/login?next=/" + word, "/%2e%2e/" + word, "//" + word} {
			for _, method := range []string{"GET", "POST", "DELETE", strings.ToUpper(word)} {
				fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s.example\r\nUser-Agent: %s\r\nCookie: __Host-session=%s\r\nContent-Length: 0\r\n\r\n", method, path, word, word, word)
			}
		}
		for _, carrier := range []string{"bearer", "cookie", word} {
			body := fmt.Sprintf(`{"username":%q,"password":%q,"carrier":%q}`, word, word, carrier)
			if _, _, _, err := callAPI(n, "POST", "/api/v1/login", "", body); err != nil {
				t.Fatal(err)
			}
		}
	}
	series := func() (all []string) {
		for line := range strings.Lines(n.metrics(t)) {
			if strings.HasPrefix(line, "gatehouse_") {
				all = append(all, line[:strings.LastIndex(line, " ")])
			}
		}
		return all
	}
	answered := func() int { return strings.Count(n.stderr.String(), "msg=request") }
	wave := func(word string) {
		before := answered()
		attack(word)
		eventually(t, "the requests are answered", func() bool { return answered() >= before+7*4+3 })
	}
	eventually(t, "sessions are counted", func() bool { _, ok := n.figure(t, "gatehouse_sessions_live"); return ok })
	wave("zqxa")
	before := series()
	for i := range 5 {
		wave("zqx" + string(rune('b'+i)))
	}
	if now := series(); !slices.Equal(before, now) {
		t.Errorf("%d series have become %d", len(before), len(now))
	}
	if text := n.metrics(t); strings.Contains(strings.ToLower(text), "zqx") {
		t.Error("a label holds what a stranger has sent")
	}
}

// Unless somebody asks for metrics, nobody counts and nobody listens.
func TestMetricsAreOffByDefault(t *testing.T) {
	t.Parallel()
	c, err := config.Serve{}.Resolve(nil)
	check(t, err)
	f, err := newFigures(c)
	if f != nil || err != nil {
		t.Fatalf("%v, %v", f, err)
	}
	if f.observer() != nil || f.options() != nil {
		t.Error("somebody is told")
	}
	s, err := openStores(t.Context(), config.StoreConfig{DataDir: t.TempDir()}, month)
	check(t, err)
	defer s.Close()
	before := s.sessions
	f.time(s, c)
	if s.sessions != before {
		t.Error("the store is timed")
	}
	if n := startNode(t, embedded(t)); strings.Contains(n.stderr.String(), "metrics") {
		t.Errorf("it says:\n%s", n.stderr)
	}
}

// An address that cannot be had stops the start with a sentence that says what to
// do.
func TestMetricsAddressTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer taken.Close()
	s := embedded(t).with("GATEHOUSE_METRICS_ADDR", taken.Addr().String())
	code, stdout, stderr := command(t, "", s.flags("serve")...)
	const sentence = "gatehouse: metrics cannot be served: choose another address in GATEHOUSE_METRICS_ADDR, or off\n"
	if code != exitFailure || stdout != "" || !strings.HasPrefix(stderr, sentence) || !strings.Contains(stderr, taken.Addr().String()) {
		t.Errorf("exit code %d, %q, it says:\n%s", code, stdout, stderr)
	}
}
