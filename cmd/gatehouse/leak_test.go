package main

import (
	"fmt"
	"runtime"
	"testing"

	"gatehouse/internal/session"
)

// Open pages leave nothing behind, in whatever way they go: two hundred streams
// at a time, of twenty people.
func TestLiveStreamsLeaveNothing(t *testing.T) {
	const (
		together = 200
		people   = 20
		slack    = 10 // of connections and pools that may or may not rest
	)
	s := embedded(t)
	settle(t, s, crowd(people))
	logIn := quickly(t, s)
	unstarted := runtime.NumGoroutine()
	n := behindNginx(t, s)

	var clients []*client
	var open []*stream
	in := func() {
		clients = nil
		for i := range people {
			c := newClient(t)
			logIn(c, fmt.Sprintf("user%03d", i))
			clients = append(clients, c)
		}
	}
	openAll := func(by *node) {
		open = nil
		for i := range together {
			open = append(open, clients[i%people].stream(by))
		}
	}
	closeAll := func() {
		for _, s := range open {
			s.close()
		}
	}
	allOver := func() {
		for _, s := range open {
			s.over()
		}
	}
	back := func(to int) {
		t.Helper()
		eventually(t, "the goroutines of the streams are gone", func() bool {
			transport.CloseIdleConnections()
			n.via.CloseIdleConnections()
			return runtime.NumGoroutine() <= to+slack
		})
	}

	in()
	clients[0].stream(n.behind).close()
	clients[0].stream(n.node).close()
	back(unstarted + together/4)
	before := runtime.NumGoroutine()
	for _, way := range []struct {
		name  string
		by    *node
		leave func()
	}{
		{"the pages are closed", n.behind, closeAll},
		{"the pages behind the proxy are closed", n.node, closeAll},
		{"the proxy is gone", n.node, func() { n.nginx.Kill(); allOver(); n.nginx.Start() }},
		{"the sessions end", n.behind, func() {
			if code, _, stderr := n.behind.command(t, "", "session", "end", "--all"); code != exitOK {
				t.Fatalf("session end: %d %s", code, stderr)
			}
			allOver()
			in()
		}},
		{"the sessions end behind the proxy", n.node, func() {
			if code, _, stderr := n.behind.command(t, "", "session", "end", "--all"); code != exitOK {
				t.Fatalf("session end: %d %s", code, stderr)
			}
			allOver()
			in()
		}},
	} {
		openAll(way.by)
		during := runtime.NumGoroutine()
		if during < before+together {
			t.Errorf("%s: %d goroutines before and %d with %d streams: this counts nothing", way.name, before, during, together)
		}
		way.leave()
		back(before)
		t.Logf("%s: %d goroutines before, %d during, %d after", way.name, before, during, runtime.NumGoroutine())
	}

	// One person with two hundred pages: the oldest give way, and no more stay
	// than one may have.
	one := clients[0]
	open = nil
	for range together {
		open = append(open, one.stream(n.behind))
	}
	stay := open[together-session.StreamsPerUser:]
	open = open[:together-session.StreamsPerUser]
	for _, s := range open {
		s.next("crowded", patience)
	}
	allOver()
	if code, _, stderr := n.behind.command(t, "", "session", "end", "--user=user000"); code != exitOK {
		t.Fatalf("session end: %d %s", code, stderr)
	}
	for _, s := range stay {
		s.next("ended", lost)
	}
	back(before)

	in()
	openAll(n.behind)
	if code := n.behind.stop(); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, n.stderr)
	}
	allOver()
	back(unstarted)
	t.Logf("the server stops: %d goroutines before it started, %d after", unstarted, runtime.NumGoroutine())
}
