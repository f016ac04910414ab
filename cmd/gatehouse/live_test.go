package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/config"
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
	resp, err := n.transport().RoundTrip(req)
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

// late is how long after the answers to ends the news was there.
type late []time.Duration

// at returns the nearest-rank percentile.
func (l late) at(percent int) time.Duration {
	slices.Sort(l)
	return l[(len(l)*percent+99)/100-1].Round(100 * time.Microsecond)
}

func (l late) String() string {
	return fmt.Sprintf("%d ends, from the end's answer: p50 %v, p99 %v, max %v", len(l), l.at(50), l.at(99), l.at(100))
}

// What the product promises of an end's news (P2).
const (
	promisedP99 = 250 * time.Millisecond
	promisedMax = time.Second
)

// inTime measures one hundred ends and holds the product to its promise. What is
// late on a machine that is busy with other things says little of the product:
// then another hundred are measured, a few times, and one round has to do.
func inTime(t *testing.T, what string, n *node, measure func() time.Duration) {
	t.Helper()
	const rounds, ends = 4, 100
	for round := 1; ; round++ {
		noise := listenToNoise(t, n)
		var l late
		for range ends {
			l = append(l, max(0, measure()))
		}
		t.Logf("%s: %v; the machine's own part being at most %v", what, l, noise().Round(time.Millisecond))
		if l.at(99) <= promisedP99 && l.at(100) <= promisedMax {
			return
		}
		if round == rounds {
			t.Errorf("%s: in none of %d rounds p99 within %v and all within %v", what, rounds, promisedP99, promisedMax)
			return
		}
	}
}

// P2, I10: an end on one node reaches the open stream on another, in time.
func TestLiveEndReachesOpenStreams(t *testing.T) {
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		admin, person := newClient(t), newClient(t)
		admin.setUp(first)
		person.signUp(other, "kim")
		logIn := quickly(t, first.settings)
		inTime(t, "stream", first, func() time.Duration {
			logIn(person, "kim")
			s := person.stream(other)
			admin.puts(first, person)
			answered := time.Now()
			if data := s.next("ended", lost); !strings.Contains(data, `"reason":"forced"`) {
				t.Fatalf("ended: %s", data)
			}
			s.over()
			return s.at.Sub(answered)
		})

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

// The news can fail in any way: open pages learn of the end all the same, and
// an outage is no end.
func TestLiveWithoutNews(t *testing.T) {
	t.Parallel()
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
	var took late
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
	t.Logf("subscriptions cut every millisecond: %v", took)

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

// P2 where people see it: from the end's answer to the covered page. One set-up
// after the other, so that they do not slow each other down.
func TestLivePageCoversItself(t *testing.T) {
	chromium := browser.New(t)
	for name, setUp := range setUps {
		t.Run(name, func(t *testing.T) {
			s := setUp.settings(t)
			first := startNode(t, s)
			other := first
			if setUp.nodes > 1 {
				other = startNode(t, s)
			}
			admin, person := newClient(t), newClient(t)
			admin.setUp(first)
			person.signUp(other, "kim")
			logIn := quickly(t, s)
			b := openTab(t, chromium, other, look{})
			inTime(t, "page", first, func() time.Duration {
				logIn(person, "kim")
				b.carry(person)
				b.open("/mypage")
				b.listens(t)
				// The page notes when it has drawn its cover, by the clock of this machine.
				eval[chromedp.Void](b, `new MutationObserver(() => requestAnimationFrame(() => { window.coveredAt ??= Date.now(); })).observe(document.body, {childList: true}); undefined`)
				admin.puts(first, person)
				answered := time.Now()
				b.covered(string(session.Forced), "kim")
				eventually(t, "the cover is drawn", func() bool { return eval[bool](b, "!!window.coveredAt") })
				return time.UnixMilli(eval[int64](b, "window.coveredAt")).Sub(answered)
			})
		})
	}
}

// quickly returns what logs a client in, on the stores of s, without a password
// to be checked: that takes long and is not what is measured.
func quickly(t *testing.T, s settings) (logIn func(c *client, name string)) {
	t.Helper()
	stores, err := openStores(t.Context(), config.StoreConfig{
		DataDir:     s["GATEHOUSE_DATA_DIR"],
		DatabaseURL: config.NewSecret(s["GATEHOUSE_DATABASE_URL"]),
		RedisURL:    config.NewSecret(s["GATEHOUSE_REDIS_URL"]),
	}, month)
	check(t, err)
	t.Cleanup(func() { check(t, stores.Close()) })
	cookies := session.NewCookies(session.NewManager(stores.sessions, stores.db.Ledger(), session.Limits{
		Idle: time.Hour, Lifetime: 12 * time.Hour, RememberIdle: 14 * day, RememberLifetime: month,
	}, time.Now), sessionCookie, true)
	return func(c *client, name string) {
		t.Helper()
		u, err := stores.db.Users().ByLogin(t.Context(), name)
		check(t, err)
		answer := httptest.NewRecorder()
		eventually(t, "a session starts", func() bool {
			_, err := cookies.Start(t.Context(), answer, session.New{User: u})
			if err != nil && !errors.Is(err, session.ErrUnavailable) {
				t.Fatal(err)
			}
			return err == nil
		})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cookies[sessionCookie] = answer.Result().Cookies()[0].Value
	}
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
	t.Parallel()
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
	t.Parallel()
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
