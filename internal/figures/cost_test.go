package figures

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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
	RoundTrips int // without those of the gate
	Writes     int // scripts and SETs, each written to the append-only file
	Calls      measure.Calls
	// Gate is the round trips that the gate made besides, all of them together.
	// They come by the clock, so they are as many as Took asks for.
	Gate int
	Took time.Duration
}

const (
	// touches is how many times idle/20 passes in the run that moves the clock.
	touches = 10
	// gateShows is for how long one connection is in use to see the gate ask.
	gateShows = 2 * time.Second
	// gateEvery is how often the gate asks (redisdb).
	gateEvery = 500 * time.Millisecond
)

// gateAsks are the questions of the gate: on each connection in use, whether its
// server is still the one that it was and how far it has applied the ledger; and
// the latter once more for the node.
var gateAsks = []string{"INFO server replication", "MGET seq ledger ending"}

func measureCost(t *testing.T, requests int) []Cost {
	server := testenv.RedisServer(t) // its own: INFO counts for all databases
	raw := dial(t, server.URL())
	logEveryCommand(t, raw)
	clock := &clock{time.Now().Truncate(time.Millisecond)}
	db := openSQL(t, t.TempDir()+"/gatehouse.db")
	m := session.NewManager(openRedis(t.Context(), t, server.URL(), db), db.Ledger(), measure.Limits, clock.Now)
	node := gatehouseNode(m, session.NewCookies(m, measure.CookieName, true))
	mine := loginCookie(t, node)
	page := myPage(t, m, db, clock)
	step := measure.Limits.Idle / 20 / time.Duration(requests/touches)
	clock.now = clock.now.Add(measure.Limits.Idle / 20)
	get(t, node, "/read", mine) // the server learns the script of a touch, once for all nodes

	list := []Cost{
		cost(t, raw, "session check, within one idle/20", times(requests), func() { get(t, node, "/read", mine) }),
		cost(t, raw, fmt.Sprintf("session check, over %d × idle/20", touches), times(requests), func() {
			clock.now = clock.now.Add(step)
			get(t, node, "/read", mine)
		}),
		cost(t, raw, "GET /mypage, the whole page", times(requests), page),
		cost(t, raw, fmt.Sprintf("session check, one after the other for %v", gateShows), lasting(gateShows), func() {
			get(t, node, "/read", mine)
			time.Sleep(probePause)
		}),
	}
	expect(t, list[0], 1*requests, 0, measure.Calls{"GET": requests})
	// What a touch does inside its script counts as commands, not as round trips.
	expect(t, list[1], requests+touches, touches, measure.Calls{
		"GET": requests + touches, "EVALSHA": touches, "SET": touches, "ZADD": touches})
	// One GET is the check; the list of devices is a script that reads.
	expect(t, list[2], 2*requests, 0, measure.Calls{"GET": requests, "EVALSHA_RO": requests, "ZRANGE": requests, "MGET": requests})
	expect(t, list[3], list[3].Requests, 0, measure.Calls{"GET": list[3].Requests})
	if list[3].Gate == 0 {
		t.Errorf("%s: the gate asked nothing: what is measured is not the product", list[3].What)
	}
	return append(list, stockCost(t, requests))
}

// stockCost has a server without a gate that asks.
func stockCost(t *testing.T, requests int) Cost {
	t.Helper()
	server := testenv.RedisServer(t)
	raw := dial(t, server.URL())
	logEveryCommand(t, raw)
	stock := stockNode(newStock(t, server.URL()))
	theirs := loginCookie(t, stock)
	return cost(t, raw, "scs + redisstore with IdleTimeout", times(requests), func() { get(t, stock, "/read", theirs) })
}

// times says to go on until n have been done.
func times(n int) (more func(done int) bool) {
	return func(done int) bool { return done < n }
}

// lasting says to go on until d is over.
func lasting(d time.Duration) (more func(done int) bool) {
	var till time.Time
	return func(done int) bool {
		if done == 0 {
			till = time.Now().Add(d)
		}
		return time.Now().Before(till)
	}
}

// cost counts what Redis was asked while request ran as often as more said. A
// first one, not counted, opens the connection.
func cost(t *testing.T, raw redis.Conn, what string, more func(done int) bool, request func()) Cost {
	t.Helper()
	request()
	began := time.Now()
	must(t, raw.Send("SLOWLOG", "RESET")) // together with INFO: nobody comes in between
	before := readInfo(t, raw)
	requests := 0
	for ; more(requests); requests++ {
		request()
	}
	after, log := readInfoAndLog(t, raw)
	c := Cost{What: what, Requests: requests, Calls: after.Calls().Since(before.Calls()), Took: time.Since(began)}
	gate := measure.Calls{}
	for _, command := range log {
		if slices.Contains(gateAsks, command) {
			c.Gate++
			name, _, _ := strings.Cut(command, " ")
			gate[name]++
		}
	}
	c.Calls = c.Calls.Since(gate)
	// A client that waits for each answer is one read of its socket a round
	// trip; one more is the INFO that looks.
	c.RoundTrips = after.Number("total_reads_processed") - before.Number("total_reads_processed") - 1 - c.Gate
	if c.Writes = c.Calls["EVALSHA"]; c.Writes == 0 {
		c.Writes = c.Calls["SET"]
	}
	return c
}

// expect also bounds what the gate of one node asks each gateEvery: once for the
// node, two things on a connection for a write or a list, and twice two on the one
// that all checks share, which is asked in good time so that none has to wait.
func expect(t *testing.T, got Cost, roundTrips, writes int, commands measure.Calls) {
	t.Helper()
	if got.RoundTrips != roundTrips || got.Writes != writes || !maps.Equal(got.Calls, commands) {
		t.Errorf("%s: %d round trips, %d writes, %v; want %d, %d, %v",
			got.What, got.RoundTrips, got.Writes, got.Calls, roundTrips, writes, commands)
	}
	if most := (1 + 2 + 4) * int(got.Took/gateEvery+1); got.Gate > most {
		t.Errorf("%s: the gate asked %d times in %v, want at most %d", got.What, got.Gate, got.Took, most)
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
	rows := [][]string{{"", "requests", "round trips each", "besides, by the gate", "writes", "commands (those inside scripts too)"}}
	for _, c := range all {
		each := float64(c.RoundTrips) / float64(c.Requests)
		rows = append(rows, []string{c.What, measure.Count(c.Requests), fmt.Sprintf("%.2f", each),
			fmt.Sprintf("%d in %.1f s", c.Gate, c.Took.Seconds()), measure.Count(c.Writes), c.Calls.String()})
	}
	return rows
}
