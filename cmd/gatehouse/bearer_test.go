package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// oneURL is the one that nodes of a set-up share, so that each accepts the
// tokens of the others.
var oneURL = []string{"GATEHOUSE_PUBLIC_URL", "http://localhost:18080"}

// app is a program that keeps tokens.
type app struct {
	t       testing.TB
	access  string
	refresh string
	id      session.ID
}

// tokens is what the API gives an app.
type tokens struct {
	AccessToken  string     `json:"access_token"`
	RefreshToken string     `json:"refresh_token"`
	SessionID    session.ID `json:"session_id"`
	Type         string     `json:"type"` // of a problem
	Reason       string     `json:"reason"`
}

// callAPI sends JSON, or nothing if body is empty, with the access token if it is
// not empty.
func callAPI(n *node, method, path, access, body string) (status int, header http.Header, got tokens, err error) {
	req, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, got, err
	}
	req.Header.Set("Content-Type", "application/json")
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	resp, err := (&http.Client{Transport: n.transport(), Timeout: patience}).Do(req)
	if err != nil {
		return 0, nil, got, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && bytes.HasPrefix(text, []byte("{")) {
		err = json.Unmarshal(text, &got)
	}
	return resp.StatusCode, resp.Header, got, err
}

// newApp logs in for tokens.
func newApp(t testing.TB, n *node, name string) *app {
	t.Helper()
	a := &app{t: t}
	a.keep(n, "/api/v1/login", fmt.Sprintf(`{"username":%q,"password":%q,"carrier":"bearer","client":"robot"}`, name, password))
	return a
}

// keep sends a request and keeps the tokens of the answer.
func (a *app) keep(n *node, path, body string) {
	a.t.Helper()
	status, header, got, err := callAPI(n, "POST", path, "", body)
	for err == nil && status == http.StatusServiceUnavailable { // a store was slow: it says that it may be repeated
		status, header, got, err = callAPI(n, "POST", path, "", body)
	}
	if err != nil || status != 200 || got.AccessToken == "" || got.RefreshToken == "" || header.Get("Set-Cookie") != "" || header.Get("Cache-Control") != "no-store" {
		a.t.Fatalf("%s: %d %+v %v, %v", path, status, got, header, err)
	}
	a.access, a.refresh, a.id = got.AccessToken, got.RefreshToken, got.SessionID
}

func (a *app) refreshAt(n *node) {
	a.t.Helper()
	a.keep(n, "/api/v1/refresh", fmt.Sprintf(`{"refresh_token":%q}`, a.refresh))
}

// me asks who it is and returns the answer's status, type and reason.
func (a *app) me(n *node) string {
	a.t.Helper()
	status, _, got, err := callAPI(n, "GET", "/api/v1/me", a.access, "")
	for err == nil && status == http.StatusServiceUnavailable {
		status, _, got, err = callAPI(n, "GET", "/api/v1/me", a.access, "")
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(status, " ", got.Type, " ", got.Reason)
}

func (a *app) isIn(n *node) {
	a.t.Helper()
	if got := a.me(n); got != "200  " {
		a.t.Fatalf("not in: %s", got)
	}
}

func (a *app) isOut(n *node, why session.Reason) {
	a.t.Helper()
	if got, want := a.me(n), "401 /problems/session-ended "+string(why); got != want {
		a.t.Fatalf("%s, want %s", got, want)
	}
}

// An end on one node is refused on the other with the next request, although the
// access token is good for another minute.
func TestBearerEndsReachEveryNode(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		admin, kim := newClient(t), newClient(t)
		admin.setUp(first)
		kim.signUp(first, "kim")
		robot := newApp(t, first, "kim")
		robot.isIn(first)
		robot.isIn(other)
		contains(t, kim.get(other, "/mypage"), "robot")
		contains(t, admin.get(first, "/admin/sessions?carrier=bearer"), string(robot.id))

		kim.post(other, "/mypage/sessions/"+string(robot.id)+"/end").is(t, 303, "/mypage")
		robot.isOut(first, session.Logout)
		robot.isOut(other, session.Logout)

		robot = newApp(t, other, "kim")
		admin.post(first, "/admin/sessions/"+string(robot.id)+"/end").is(t, 303, "/admin/sessions")
		robot.isOut(other, session.Forced)

		robot = newApp(t, first, "kim")
		if status, _, _, err := callAPI(other, "POST", "/api/v1/logout", robot.access, ""); err != nil || status != 200 {
			t.Fatalf("log-out: %d, %v", status, err)
		}
		robot.isOut(first, session.Logout)

		robot = newApp(t, first, "kim")
		code, _, stderr := first.command(t, "", "session", "end", "--carrier=bearer")
		if code != exitOK {
			t.Fatal(stderr)
		}
		robot.isOut(first, session.Forced)
		robot.isOut(other, session.Forced)

		robot = newApp(t, first, "kim")
		kim.post(first, "/mypage/password", "current="+password, "password=another kettle 99").is(t, 303, "/mypage")
		robot.isOut(other, session.Password)
		admin.post(first, "/admin/users/kim/disable").is(t, 303, "/admin/users")
		if status, _, _, err := callAPI(first, "POST", "/api/v1/login", "", `{"username":"kim","password":"another kettle 99","carrier":"bearer"}`); err != nil || status != 401 {
			t.Fatalf("a disabled account: %d, %v", status, err)
		}
	}, oneURL...)
}

// A hundred refreshes of one token at once, on both nodes: one rotation, one
// successor, nobody logged out. Then a replay of what was spent first ends it all.
func TestBearerParallelRefreshesAndReplay(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		kim := newClient(t)
		kim.signUp(first, "kim")
		robot := newApp(t, first, "kim")
		for round := 0; round < 5; {
			began := time.Now()
			successors, failures := refreshAtOnce(t, robot, first, other)
			if time.Since(began) >= session.RefreshGrace { // a machine too busy for what this is about
				robot = newApp(t, first, "kim")
				continue
			}
			if len(successors) != 1 || len(failures) > 0 {
				t.Fatalf("round %d: successors %v, failures %v", round, successors, failures)
			}
			robot.refresh = successors[0]
			round++
		}
		stolen := robot.refresh
		robot.refreshAt(first)
		robot.refreshAt(other)
		status, _, got, err := callAPI(other, "POST", "/api/v1/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, stolen))
		if err != nil || status != 401 || got.Reason != "reuse" {
			t.Fatalf("replay: %d %+v, %v", status, got, err)
		}
		robot.isOut(first, session.Reuse)
		robot.isOut(other, session.Reuse)
		contains(t, kim.get(first, "/mypage"), "a used refresh token was shown again")
	}, oneURL...)
}

// refreshAtOnce spends the token of a a hundred times at once, at all the nodes,
// and uses what it gets. It returns the tokens that came back, each once.
func refreshAtOnce(t *testing.T, a *app, nodes ...*node) (successors, failures []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	try := func(n *node) {
		status, _, got, err := callAPI(n, "POST", "/api/v1/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, a.refresh))
		for err == nil && status == http.StatusServiceUnavailable { // too busy; it may be repeated
			status, _, got, err = callAPI(n, "POST", "/api/v1/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, a.refresh))
		}
		used := (&app{t: t, access: got.AccessToken}).me(n)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || status != 200 || used != "200  " {
			failures = append(failures, fmt.Sprintf("%d %+v, then %s, %v", status, got, used, err))
		} else if !slices.Contains(successors, got.RefreshToken) {
			successors = append(successors, got.RefreshToken)
		}
	}
	for i := range 100 {
		all.Go(func() { try(nodes[i%len(nodes)]) })
	}
	all.Wait()
	return successors, failures
}

// Tokens outlive a restart: the keys and what refresh tokens are made with are in
// the database.
func TestBearerRestart(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		newClient(t).signUp(first, "kim")
		robot := newApp(t, other, "kim")
		for _, n := range []*node{first, other} {
			if code := n.stop(); code != exitOK {
				t.Fatalf("exit code %d\n%s", code, n.stderr)
			}
		}
		again := startNode(t, first.settings)
		robot.isIn(again)
		robot.refreshAt(again)
		robot.isIn(again)
		// A revoked key: refused within seconds, and a refresh brings a token by
		// the next key.
		_, list, _ := again.command(t, "", "key", "list")
		key := strings.Fields(strings.Split(list, "\n")[1])[0]
		if code, _, stderr := again.command(t, "", "key", "revoke", key); code != exitOK {
			t.Fatal(stderr)
		}
		eventually(t, "the revoked key counts no more", func() bool { return robot.me(again) == "401 /problems/access-token " })
		robot.refreshAt(again)
		robot.isIn(again)
		_, log, _ := again.command(t, "", "audit", "list", "--kind=key_added,key_revoked", "--json")
		if strings.Count(log, "\n") != 2 || !strings.Contains(log, `"kind":"key_revoked"`) || !strings.Contains(log, key) || strings.Count(log, `"actor":"operator"`) != 2 {
			t.Errorf("the audit log:\n%s", log)
		}
	}, oneURL...)
}

// A header of a megabyte never reaches the program's own code.
func TestBearerMegabyteOfHeader(t *testing.T) {
	t.Parallel()
	n := startNode(t, embedded(t))
	for _, size := range []int{64 << 10, 1 << 20} {
		conn := n.dial(t)
		go fmt.Fprintf(conn, "GET /api/v1/me HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", n.addr, strings.Repeat("A", size)) // it may be cut off
		line := make([]byte, len("HTTP/1.1 431"))
		began := time.Now()
		if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 431" {
			t.Errorf("%d bytes: %q, %v", size, line, err)
		}
		t.Logf("%d bytes of token: %s after %v", size, line, time.Since(began))
	}
	// What fits is refused by its length.
	if status, _, got, err := callAPI(n, "GET", "/api/v1/me", strings.Repeat("A", 30<<10), ""); err != nil || status != 401 || got.Type != "/problems/access-token" {
		t.Errorf("30 KiB: %d %+v, %v", status, got, err)
	}
}
