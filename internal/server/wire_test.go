package server

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// wired starts the server as the program does and returns its address.
func (w *world) wired(t *testing.T, h http.Handler) string {
	t.Helper()
	addr, _ := w.wiredAndCounted(t, h)
	return addr
}

// wiredAndCounted is wired, and counts what is written to the connections.
func (w *world) wiredAndCounted(t *testing.T, h http.Handler) (addr string, writes *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &http.Server{Handler: h, ConnContext: ConnContext, ErrorLog: log.New(io.Discard, "", 0)}
	writes = new(atomic.Int64)
	go s.Serve(w.Listen(countingListener{l, writes}))
	t.Cleanup(func() { s.Close() })
	return l.Addr().String(), writes
}

type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countingConn{c.(*net.TCPConn), l.writes}, nil
}

type countingConn struct {
	*net.TCPConn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.TCPConn.Write(p)
}

// wantOnWire checks that r carries what every answer does, each once.
func (w *world) wantOnWire(t *testing.T, what string, r *http.Response) {
	t.Helper()
	for _, h := range w.always() {
		if got := r.Header.Values(h.name); !slices.Equal(got, h.value) {
			t.Errorf("%s: %s is %q, want %q once", what, h.name, got, h.value)
		}
	}
}

// Every route answers on the wire with the headers that it answers with elsewhere.
func TestHeadersOnTheWireOnEveryRoute(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.PublicURL.Scheme = "https" })
	w.account("root1", user.RoleAdmin)
	addr := w.wired(t, w.Server)
	plain := httptest.NewServer(w.Server)
	defer plain.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute}
	names := func(r *http.Response) []string { return slices.Sorted(maps.Keys(r.Header)) }
	admin := w.loggedIn("root1")
	walkRoutes(t, w.Server, func(method, pattern string) {
		if pattern == "/mypage/events" { // does not end by itself
			return
		}
		target := fill(pattern, w.loggedIn("root1").session(), "nobody")
		for _, method := range []string{method, "HEAD", "PUT"} {
			var got [2]*http.Response
			for i, base := range []string{"http://" + addr, plain.URL} {
				r, err := http.NewRequest(method, base+target, strings.NewReader(""))
				must(t, err)
				if method == "GET" { // the others would end the session
					r.Header.Set("Cookie", "__Host-session="+admin.cookies["__Host-session"].Value)
				}
				got[i], err = client.Do(r)
				must(t, err)
				_, err = io.Copy(io.Discard, got[i].Body)
				must(t, err)
				got[i].Body.Close()
			}
			what := method + " " + pattern
			w.wantOnWire(t, what, got[0])
			if one, two := names(got[0]), names(got[1]); !slices.Equal(one, two) || got[0].StatusCode != got[1].StatusCode {
				t.Errorf("%s: %d with %q, elsewhere %d with %q", what, got[0].StatusCode, one, got[1].StatusCode, two)
			}
		}
	})
}

// Answers that look like others, come in pieces, or have something before them.
func TestHeadersOnTheWireOfOddAnswers(t *testing.T) {
	w := newWorld(t)
	fake := "HTTP/1.1 200 OK\r\nX-Fake: 1\r\n\r\n"
	addr := w.wired(t, w.begin(w.headers(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fake":
			for range 3 {
				_, _ = io.WriteString(rw, fake)
				rw.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(http.Flusher).Flush()
			}
		case "/long":
			_, _ = io.WriteString(rw, strings.Repeat(fake, 2000))
		case "/many":
			for i := range 300 {
				rw.Header().Set(fmt.Sprintf("X-Many-%d", i), strings.Repeat("x", 30))
			}
		case "/echo":
			_, _ = io.Copy(rw, r.Body)
		case "/none":
			rw.WriteHeader(http.StatusNoContent)
		case "/early":
			rw.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(rw, "late")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	}))))
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	ask := func(raw, method, want string) {
		t.Helper()
		_, err := io.WriteString(c, raw)
		must(t, err)
		for {
			r, err := http.ReadResponse(in, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("%.40q: %v", raw, err)
			}
			if r.StatusCode < 200 {
				if r.Header.Get("X-Frame-Options") != "" {
					t.Errorf("%.40q: %d carries what the answer should", raw, r.StatusCode)
				}
				continue
			}
			body, err := io.ReadAll(r.Body)
			must(t, err)
			w.wantOnWire(t, raw, r)
			if r.Header.Get("X-Fake") != "" || want != "-" && string(body) != want {
				t.Errorf("%.40q: %d, %.60q, want %.60q", raw, r.StatusCode, body, want)
			}
			return
		}
	}
	const host = " HTTP/1.1\r\nHost: localhost\r\n"
	for range 2 { // on one connection
		ask("GET /fake"+host+"\r\n", "GET", strings.Repeat(fake, 3))
		ask("GET /long"+host+"\r\n", "GET", strings.Repeat(fake, 2000))
		ask("HEAD /long"+host+"\r\n", "HEAD", "")
		ask("GET /many"+host+"\r\n", "GET", "")
		ask("GET /none"+host+"\r\n", "GET", "")
		ask("GET /early"+host+"\r\n", "GET", "late")
		ask("POST /echo"+host+"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "POST", "hello")
		ask("GET /fake"+host+"\r\nGET /none"+host+"\r\n", "GET", strings.Repeat(fake, 3))
		ask("", "GET", "") // the second of the two
	}
	ask("GET /none HTTP/1.0\r\n\r\n", "GET", "")
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after HTTP/1.0: %v", err)
	}
	if r, err := http.Get("http://" + addr + "/abort"); err == nil {
		t.Errorf("an aborted answer: %d", r.StatusCode)
	}
}

// Rather nothing than an answer without them.
func TestHeadersOnTheWireOrNothing(t *testing.T) {
	near, far := tcpPair(t)
	c := &wireConn{tcpConn: near, always: []byte("A: b\r\n"), pending: true}
	for _, p := range []string{"x", "HTTP/1.1 200 OK", "\n", "HTTP/1.\n", "GET / HTTP/1.1\r\n"} {
		if n, err := c.Write([]byte(p)); err == nil || n != 0 {
			t.Errorf("%q: %d bytes written", p, n)
		}
	}
	for _, p := range []string{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 404 Not Found\r\n\r\n", "body"} {
		if n, err := c.Write([]byte(p)); err != nil || n != len(p) {
			t.Errorf("%q: %d, %v", p, n, err)
		}
	}
	near.Close()
	got, err := io.ReadAll(far)
	must(t, err)
	if want := "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 Not Found\r\nA: b\r\n\r\nbody"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func tcpPair(t *testing.T) (near *net.TCPConn, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	far, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	t.Cleanup(func() { far.Close() })
	c, err := l.Accept()
	must(t, err)
	return c.(*net.TCPConn), far
}
