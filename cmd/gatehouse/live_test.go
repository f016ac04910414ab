package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
	"gatehouse/internal/testenv"
	"gatehouse/internal/testenv/browser"
)

// lost is how late an open page may learn of an end whose news was lost: twice
// as long as it takes to look, on a machine that has other things to do.
const lost = 2*lookRedis + patience/4

// stream is an open event stream of a client.
type stream struct {
	t     testing.TB
	close func()
	lines chan string
	at    time.Time // of the last event
}

// stream opens an event stream and waits until it is live.
func (c *client) stream(n *node) *stream {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", n.url+"/mypage/events", nil)
	check(c.t, err)
	req.AddCookie(&http.Cookie{Name: sessionCookie, Value: c.token()})
	resp, err := transport.RoundTrip(req)
	check(c.t, err)
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("GET /mypage/events: %d", resp.StatusCode)
	}
	s := &stream{t: c.t, close: cancel, lines: make(chan string, 16)}
	c.t.Cleanup(cancel)
	go func() {
		defer close(s.lines)
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	s.next("live", patience)
	return s
}

// next waits for an event of that name and returns its data. Beats are no news.
func (s *stream) next(name string, within time.Duration) string {
	s.t.Helper()
	late := time.After(within)
	event := ""
	for {
		select {
		case line, open := <-s.lines:
			if !open {
				s.t.Fatalf("the stream is over without %q", name)
			}
			if is, ok := strings.CutPrefix(line, "event: "); ok {
				event = is
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok && event != "beat" {
				s.at = time.Now()
				if event != name {
					s.t.Fatalf("event %q %s, want %q", event, data, name)
				}
				return data
			}
		case <-late:
			s.t.Fatalf("no event %q within %v", name, within)
		}
	}
}

// over waits until the server has closed the stream.
func (s *stream) over() {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, open := <-s.lines:
			if !open {
				return
			}
		case <-late:
			s.t.Fatal("the stream goes on")
		}
	}
}

// puts puts somebody out. A machine with too much to do may answer 503; to
// repeat it is harmless.
func (c *client) puts(n *node, out *client) {
	c.t.Helper()
	eventually(c.t, "the end is answered", func() bool {
		a := c.post(n, "/admin/sessions/"+string(out.sessionID())+"/end")
		if a.status != http.StatusServiceUnavailable {
			a.is(c.t, 303, "/admin/sessions")
		}
		return a.status == 303
	})
}

// lateness says how long after the answer to an end the news was there.
func lateness(t testing.TB, what string, all []time.Duration) {
	slices.Sort(all)
	at := func(p float64) time.Duration { return all[int(p*float64(len(all)-1))].Round(100 * time.Microsecond) }
	t.Logf("%s: %d ends, from the end's answer: p50 %v, p99 %v, max %v", what, len(all), at(0.50), at(0.99), at(1))
}

// P2, I10: an end on one node reaches the open stream on another. How fast is
// printed and not asserted: these tests share a machine with others.
func TestLiveEndReachesOpenStreams(t *testing.T) {
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		admin, person := newClient(t), newClient(t)
		admin.setUp(first)
		person.signUp(other, "kim")
		var took []time.Duration
		for range 100 {
			person.logIn(other, "kim")
			s := person.stream(other)
			admin.puts(first, person)
			answered := time.Now()
			if data := s.next("ended", lost); !strings.Contains(data, `"reason":"forced"`) {
				t.Fatalf("ended: %s", data)
			}
			s.over()
			took = append(took, max(0, s.at.Sub(answered)))
		}
		lateness(t, "stream", took)

		// By a command, which is another process: in the embedded set-up found
		// by looking.
		person.logIn(other, "kim")
		s := person.stream(other)
		if code, _, stderr := first.command(t, "", "session", "end", "--user=kim"); code != exitOK {
			t.Fatalf("session end: %d %s", code, stderr)
		}
		answered := time.Now()
		s.next("ended", lost)
		t.Logf("by a command: %v after its end", s.at.Sub(answered).Round(time.Millisecond))
	})
}

// A stop does not wait for open pages.
func TestLiveStopEndsStreams(t *testing.T) {
	inBothSetUps(t, func(t *testing.T, first, _ *node) {
		person := newClient(t)
		person.signUp(first, "kim")
		s := person.stream(first)
		began := time.Now()
		if code := first.stop(); code != exitOK {
			t.Fatalf("exit code %d\n%s", code, first.stderr)
		}
		if took := time.Since(began); took > stopTimeout/2 {
			t.Errorf("the stop took %v with a page open", took)
		}
		s.over()
		if !strings.Contains(first.stderr.String(), "route=/mypage/events status=200") {
			t.Error("the stream has no line in the log")
		}
	})
}

// Streams that have gone leave nothing behind.
func TestLiveStreamsLeaveNothing(t *testing.T) {
	n := startNode(t, embedded(t))
	var people []*client
	for i := range 4 {
		c := newClient(t)
		c.signUp(n, fmt.Sprintf("person%d", i))
		people = append(people, c)
	}
	people[0].stream(n).close()
	before := runtime.NumGoroutine()
	const opened = 1000
	for range opened / 20 {
		var open []*stream
		for range 5 {
			for _, c := range people {
				open = append(open, c.stream(n))
			}
		}
		for _, s := range open {
			s.close()
		}
	}
	transport.CloseIdleConnections()
	eventually(t, "the goroutines of the streams are gone", func() bool { return runtime.NumGoroutine() <= before+4 })
	t.Logf("%d goroutines before, %d after %d streams", before, runtime.NumGoroutine(), opened)
}

// The news can fail in any way: open pages learn of the end all the same, and
// an outage is no end.
func TestLiveWithoutNews(t *testing.T) {
	server := testenv.RedisServer(t)
	s := embedded(t).with("GATEHOUSE_DATABASE_URL", testenv.Postgres(t), "GATEHOUSE_REDIS_URL", server.URL())
	first, other := startNode(t, s), startNode(t, s)
	admin, person := newClient(t), newClient(t)
	admin.setUp(first)
	person.signUp(other, "kim")

	// Subscriptions are cut all the time.
	cutting, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err := redis.DialURL(server.URL())
		if err != nil {
			t.Error(err)
			return
		}
		defer raw.Close()
		for cutting.Err() == nil {
			if _, err := raw.Do("CLIENT", "KILL", "TYPE", "pubsub"); err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var took []time.Duration
	for range 10 {
		person.logIn(other, "kim")
		open := person.stream(other)
		admin.puts(first, person)
		answered := time.Now()
		open.next("ended", lost)
		took = append(took, max(0, open.at.Sub(answered)))
	}
	stop()
	<-done
	lateness(t, "subscriptions cut every millisecond", took)

	// Redis stands still for longer than a subscription is silent.
	person.logIn(other, "kim")
	open := person.stream(other)
	server.Pause()
	for still := time.After(5 * time.Second); still != nil; {
		select {
		case line, open := <-open.lines:
			if !open || strings.HasPrefix(line, "event: ") && line != "event: beat" {
				t.Errorf("while Redis stands still the page hears %q (open: %v)", line, open)
				still = nil
			}
		case <-still:
			still = nil
		}
	}
	server.Resume()
	eventually(t, "Redis is back", func() bool { return admin.get(first, "/mypage").status == 200 })
	admin.puts(first, person)
	answered := time.Now()
	open.next("ended", lost)
	t.Logf("after Redis stood still: %v", open.at.Sub(answered).Round(time.Millisecond))
}

// P2 where people see it: from the end's answer to the covered page.
func TestLivePageCoversItself(t *testing.T) {
	chromium := browser.New(t)
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		admin, person := newClient(t), newClient(t)
		admin.setUp(first)
		person.signUp(other, "kim")
		b := openTab(t, chromium, other, look{})
		var took []time.Duration
		for range 30 {
			person.logIn(other, "kim")
			b.carry(person)
			b.open("/mypage")
			b.listens(t)
			// The page notes when it has drawn its cover, by the clock of this machine.
			eval[chromedp.Void](b, `new MutationObserver(() => requestAnimationFrame(() => { window.coveredAt ??= Date.now(); })).observe(document.body, {childList: true}); undefined`)
			admin.puts(first, person)
			answered := time.Now()
			b.covered(string(session.Forced), "kim")
			eventually(t, "the cover is drawn", func() bool { return eval[bool](b, "!!window.coveredAt") })
			at := time.UnixMilli(eval[int64](b, "window.coveredAt"))
			took = append(took, max(0, at.Sub(answered)))
		}
		lateness(t, "page", took)
	})
}

// listens waits until the page hears what happens: its lock is held.
func (b *tab) listens(t testing.TB) {
	t.Helper()
	eventually(t, "the page listens", func() bool {
		return eval[bool](b, "navigator.locks.query().then((q) => q.held.length === 1)")
	})
}

// A new token in the same browser is no end: other tabs are loaded anew.
func TestLiveOtherTabs(t *testing.T) {
	chromium := browser.New(t)
	n := startNode(t, embedded(t))
	newClient(t).signUp(n, "kim")
	one := openTab(t, chromium, n, look{})
	one.open("/login")
	one.fill("login-form", "username=kim", "password="+password)
	ctx, closeTab := chromedp.NewContext(one.ctx)
	defer closeTab()
	two := &tab{t: t, ctx: ctx}
	two.on(n).do()
	two.open("/mypage")
	before := two.attribute("body", "data-live")
	one.open("/mypage/password")
	one.fill("password-form", "current="+password, "password=another kettle 99")
	one.is("mypage", "/mypage")
	eventually(t, "the other tab shows the session that goes on", func() bool {
		got, err := chromedp.Run(two.ctx, chromedp.Evaluate[string]("document.body?.checkVisibility() && document.body.dataset.live || ''"))
		return err == nil && got != "" && got != before
	})
	two.is("mypage", "/mypage")

	// A log-out in one covers the other.
	one.click("#logout-form button")
	two.covered("logout", "kim")
}

// The cover is a page like any other, in both languages.
func TestLiveCoverIsAPage(t *testing.T) {
	chromium := browser.New(t)
	n := startNode(t, embedded(t))
	person := newClient(t)
	person.signUp(n, "kim")
	for language, text := range map[string]string{"en": "An administrator ended your log-in.", "ko": "관리자가 로그인을 종료했습니다."} {
		b := openTab(t, chromium, n, look{language: language})
		b.scheme("light")
		b.open("/login")
		b.fill("login-form", "username=kim", "password="+password)
		b.listens(t)
		if code, _, stderr := n.command(t, "", "session", "end", "--user=kim"); code != exitOK {
			t.Fatalf("session end: %d %s", code, stderr)
		}
		b.covered("forced", "kim")
		b.reads(text)
		eval[chromedp.Void](b, axe+"; undefined")
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			for _, problem := range axeFinds(b, axeRules{allRules.options, 10}) {
				t.Errorf("%s, %s: %s", language, scheme, problem)
			}
		}
		for _, width := range []int64{narrowest, 1280} {
			b.size(width, 800)
			if seen := layOut(b); seen.Width > width || len(seen.Over)+len(seen.Small) > 0 {
				t.Errorf("%s at %d px: %+v", language, width, seen)
			}
		}
	}
}
