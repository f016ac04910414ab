package figures

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
)

// Cost is what a number of like requests asked of Redis.
type Cost struct {
	What       string
	Requests   int
	RoundTrips int
	Writes     int // scripts and SETs, each written to the append-only file
	Calls      measure.Calls
}

// touches is how many times idle/20 passes in the run that moves the clock.
const touches = 10

func measureCost(t *testing.T, requests int) []Cost {
	server := testenv.RedisServer(t) // its own: INFO counts for all databases
	raw := dial(t, server.URL())
	clock := &clock{time.Now().Truncate(time.Millisecond)}
	m := session.NewManager(openRedis(t, server.URL()), openSQL(t, t.TempDir()+"/gatehouse.db").Ledger(), measure.Limits, clock.Now)
	node := gatehouseNode(m, session.NewCookies(m, measure.CookieName, true))
	mine := loginCookie(t, node)
	page := myPage(t, server.URL(), clock)
	stock := stockNode(newStock(t, server.URL()))
	step := measure.Limits.Idle / 20 / time.Duration(requests/touches)
	clock.now = clock.now.Add(measure.Limits.Idle / 20)
	get(t, node, "/read", mine) // the server learns the script of a touch, once for all nodes

	list := []Cost{
		cost(t, raw, "session check, within one idle/20", requests, func() { get(t, node, "/read", mine) }),
		cost(t, raw, fmt.Sprintf("session check, over %d × idle/20", touches), requests, func() {
			clock.now = clock.now.Add(step)
			get(t, node, "/read", mine)
		}),
		cost(t, raw, "GET /mypage, the whole page", requests, page),
	}
	expect(t, list[0], 1*requests, 0, measure.Calls{"GET": requests})
	// What a touch does inside its script counts as commands, not as round trips.
	expect(t, list[1], requests+touches, touches, measure.Calls{
		"GET": requests + touches, "EVALSHA": touches, "SET": touches, "ZADD": touches})
	// One GET is the check; the list of devices is the other two.
	expect(t, list[2], 3*requests, 0, measure.Calls{"GET": requests, "ZRANGE": requests, "MGET": requests})

	theirs := loginCookie(t, stock)
	return append(list, cost(t, raw, "scs + redisstore with IdleTimeout", requests, func() { get(t, stock, "/read", theirs) }))
}

// cost counts what Redis was asked while request ran that often. A first one,
// not counted, opens the connection.
func cost(t *testing.T, raw redis.Conn, what string, requests int, request func()) Cost {
	t.Helper()
	request()
	before := readInfo(t, raw)
	for range requests {
		request()
	}
	after := readInfo(t, raw)
	c := Cost{What: what, Requests: requests, Calls: after.Calls().Since(before.Calls())}
	// A client that waits for each answer is one read of its socket a round
	// trip; one more is the INFO that looks.
	c.RoundTrips = after.Number("total_reads_processed") - before.Number("total_reads_processed") - 1
	if c.Writes = c.Calls["EVALSHA"]; c.Writes == 0 {
		c.Writes = c.Calls["SET"]
	}
	return c
}

func expect(t *testing.T, got Cost, roundTrips, writes int, commands measure.Calls) {
	t.Helper()
	if got.RoundTrips != roundTrips || got.Writes != writes || !maps.Equal(got.Calls, commands) {
		t.Errorf("%s: %d round trips, %d writes, %v; want %d, %d, %v",
			got.What, got.RoundTrips, got.Writes, got.Calls, roundTrips, writes, commands)
	}
}

// clock stands still until it is moved.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func loginCookie(t *testing.T, h http.Handler) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", nil))
	got := w.Result().Cookies()
	if w.Code != http.StatusOK || len(got) != 1 {
		t.Fatalf("log-in: %d with %d cookies", w.Code, len(got))
	}
	return got[0]
}

func get(t *testing.T, h http.Handler, path string, cookies ...*http.Cookie) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d", path, w.Code)
	}
}

func costRows(all []Cost) [][]string {
	rows := [][]string{{"", "requests", "round trips each", "writes", "commands (those inside scripts too)"}}
	for _, c := range all {
		each := float64(c.RoundTrips) / float64(c.Requests)
		rows = append(rows, []string{c.What, measure.Count(c.Requests), fmt.Sprintf("%.2f", each), measure.Count(c.Writes), c.Calls.String()})
	}
	return rows
}
