package main

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/session"
)

const (
	sessionCookie = "__Host-session"
	deviceCookie  = "__Host-device"
	password      = "kettle orbit maple 7"
)

// client is as much of a web browser as these tests need. Unlike net/http's
// cookie jar, and like browsers, it keeps Secure cookies on localhost. It does
// not follow redirects.
type client struct {
	t testing.TB
	// forwardedFor is the client's address as a proxy in front would report it.
	forwardedFor string

	mu      sync.Mutex
	cookies map[string]string
	history []answer
}

func newClient(t testing.TB) *client { return &client{t: t, cookies: map[string]string{}} }

// copy returns a client with the same cookies, as a thief would have them.
func (c *client) copy() *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &client{t: c.t, forwardedFor: c.forwardedFor, cookies: maps.Clone(c.cookies)}
}

// answer is what came back.
type answer struct {
	method, path string
	node         *node
	status       int
	header       http.Header
	body         string
	took         time.Duration
	sessionID    session.ID // of the session whose cookie was sent
}

func (a answer) location() string { return a.header.Get("Location") }

var transport = &http.Transport{MaxIdleConnsPerHost: 64}

func (n *node) transport() *http.Transport {
	if n.via != nil {
		return n.via
	}
	return transport
}

// send sends a request and keeps the cookies of the answer. A body makes it a
// form that is posted.
func (c *client) send(n *node, method, path string, form url.Values) (answer, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, n.url+path, body)
	if err != nil {
		return answer{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if c.forwardedFor != "" {
		req.Header.Set("X-Forwarded-For", c.forwardedFor)
	}
	a := answer{method: method, path: path, node: n}
	c.mu.Lock()
	for name, value := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if token := c.cookies[sessionCookie]; token != "" {
		a.sessionID = session.IDOf(token)
	}
	c.mu.Unlock()

	began := time.Now()
	resp, err := (&http.Client{
		Transport:     n.transport(),
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a.took = time.Since(began)
	a.status, a.header, a.body = resp.StatusCode, resp.Header, string(text)

	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cookie := range resp.Cookies() {
		if cookie.MaxAge < 0 || !cookie.Expires.IsZero() && cookie.Expires.Before(time.Now()) {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	c.history = append(c.history, a)
	return a, nil
}

// get asks for a page.
func (c *client) get(n *node, path string) answer {
	c.t.Helper()
	return c.must(c.insist(n, http.MethodGet, path, nil))
}

// post posts a form of fields "name=value".
func (c *client) post(n *node, path string, fields ...string) answer {
	c.t.Helper()
	return c.must(c.insist(n, http.MethodPost, path, formOf(fields)))
}

// getOnce and postOnce take the first answer, also if it is 503.
func (c *client) getOnce(n *node, path string) answer {
	c.t.Helper()
	return c.must(c.send(n, http.MethodGet, path, nil))
}

func (c *client) postOnce(n *node, path string, fields ...string) answer {
	c.t.Helper()
	return c.must(c.send(n, http.MethodPost, path, formOf(fields)))
}

func (c *client) must(a answer, err error) answer {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// insist sends a request again if it is answered 503: on a busy machine a store
// may be too slow for the product's promise, and 503 says to come back.
func (c *client) insist(n *node, method, path string, form url.Values) (answer, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		a, err := c.send(n, method, path, form)
		if err != nil || a.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return a, err
		}
	}
}

func formOf(fields []string) url.Values {
	form := url.Values{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		form.Add(name, value)
	}
	return form
}

// token returns the secret that the client holds; empty if none.
func (c *client) token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cookies[sessionCookie]
}

func (c *client) sessionID() session.ID { return session.IDOf(c.token()) }

// setUp makes the first administrator, called admin, through the link that n
// has printed.
func (c *client) setUp(n *node) {
	c.t.Helper()
	c.post(n, "/setup", "code="+n.setupCode(), "username=admin", "password="+password).is(c.t, 303, "/mypage")
}

func (c *client) signUp(n *node, name string) {
	c.t.Helper()
	c.post(n, "/signup", "username="+name, "password="+password).is(c.t, 303, "/mypage")
}

func (c *client) logIn(n *node, name string) {
	c.t.Helper()
	c.tryLogIn(n, name, password).is(c.t, 303, "/mypage")
}

func (c *client) tryLogIn(n *node, name, password string) answer {
	c.t.Helper()
	return c.post(n, "/login", "username="+name, "password="+password)
}

// isIn fails the test unless the client is logged in.
func (c *client) isIn(n *node) {
	c.t.Helper()
	c.get(n, "/mypage").is(c.t, 200, "")
}

// isOut fails the test unless the client is out and is told why.
func (c *client) isOut(n *node, why session.Reason) {
	c.t.Helper()
	c.get(n, "/mypage").is(c.t, 303, "/login?"+url.Values{"next": {"/mypage"}, "ended": {string(why)}}.Encode())
}

// is fails the test unless the answer has that status and leads there.
func (a answer) is(t testing.TB, status int, location string) {
	t.Helper()
	if a.status != status || a.location() != location {
		t.Fatalf("%s %s: %d %q, want %d %q\n%s", a.method, a.path, a.status, a.location(), status, location, a.body)
	}
}
