package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/user"
)

// A guard that counts: one write is one system call, and it costs more than a
// page's texts.
func TestOneWriteForAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	addr, writes := w.wiredAndCounted(t, w.Server)
	for path, least := range map[string]int64{"/api/v1/me": 100, "/mypage": 4096, "/mypage/password": 4096, "/nothing": 500} {
		for _, method := range []string{"GET", "HEAD"} {
			r, err := http.NewRequest(method, "http://"+addr+path, nil)
			must(t, err)
			r.Header.Set("Cookie", "__Host-session="+c.cookies["__Host-session"].Value)
			before := writes.Load()
			got, err := http.DefaultTransport.RoundTrip(r)
			must(t, err)
			n, err := io.Copy(io.Discard, got.Body)
			must(t, err)
			must(t, got.Body.Close())
			if method == "GET" && n < least {
				t.Errorf("%s: a body of %d bytes, too short to say anything", path, n)
			}
			if wrote := writes.Load() - before; wrote != 1 {
				t.Errorf("%s %s: %d writes, want 1", method, path, wrote)
			}
		}
	}
}

// whole answers with as many bytes as the query says and forgets them at once, as
// a kept buffer is used again.
func whole(rw http.ResponseWriter, r *http.Request) {
	size, _ := strconv.Atoi(r.URL.Query().Get("size"))
	heads, _ := strconv.Atoi(r.URL.Query().Get("heads"))
	for i := range heads {
		rw.Header().Set(fmt.Sprintf("X-Many-%d", i), strings.Repeat("x", 30))
	}
	body := pattern(size)
	if r.URL.Path != "/chunked" {
		rw.Header().Set("Content-Length", strconv.Itoa(size))
	}
	_ = writeWhole(rw, r, body)
	copy(body, strings.Repeat("?", size))
	if r.URL.Path == "/panic" {
		panic(http.ErrAbortHandler)
	}
}

// pattern is a text in which every place differs from those near it, and which
// looks like answers and chunks.
func pattern(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%x\r\nHTTP/1.1 200 OK\r\n\r\n", i)
	}
	return b.Bytes()[:size]
}

// Sizes on both sides of what net/http keeps: 2,048 bytes of a body, 4,096 with the head.
func TestWholeBodiesOfEverySize(t *testing.T) {
	w := newWorld(t)
	addr, writes := w.wiredAndCounted(t, w.begin(w.headers(http.HandlerFunc(whole))))
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	sizes := []int{0, 1, 511, 512, 8191, 8192, 8193, 16 << 10, maxAhead - 1, maxAhead, maxAhead + 1, 300_000}
	for size := 2040; size < 2056; size++ {
		sizes = append(sizes, size)
	}
	for size := 3200; size < 4200; size += 3 { // with the head around 4,096, wherever that ends
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		for _, one := range []struct {
			method, path string
			heads        int
			once         bool // one write
		}{
			{"GET", "/", 0, size <= maxAhead},
			{"HEAD", "/", 0, true},
			{"GET", "/", 300, false}, // a head that does not fit
			{"GET", "/chunked", 0, false},
			{"HEAD", "/chunked", 0, true},
		} {
			raw := fmt.Sprintf("%s %s?size=%d&heads=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", one.method, one.path, size, one.heads)
			before := writes.Load()
			_, err := io.WriteString(c, raw+raw) // the second waits in the server's buffer
			must(t, err)
			for range 2 {
				r, err := http.ReadResponse(in, &http.Request{Method: one.method})
				if err != nil {
					t.Fatalf("%.60q: %v", raw, err)
				}
				body, err := io.ReadAll(r.Body)
				must(t, err)
				w.wantOnWire(t, raw, r)
				want := pattern(size)
				if one.method == "HEAD" {
					want = nil
				}
				if !bytes.Equal(body, want) {
					t.Fatalf("%.60q: %d bytes, want %d, or others", raw, len(body), len(want))
				}
			}
			if wrote := writes.Load() - before; one.once && wrote != 2 {
				t.Errorf("%.60q twice: %d writes", raw, wrote)
			}
		}
	}
}

// Whatever an answer comes to, nothing of it may be left for the next one, and
// nothing be sent that net/http does not know of.
func TestWholeBodiesThatBreakOff(t *testing.T) {
	w := newWorld(t)
	addr := w.wired(t, w.begin(w.headers(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/less": // than the head says
			rw.Header().Set("Content-Length", "9000")
			_ = writeWhole(rw, r, pattern(6000))
		case "/more":
			rw.Header().Set("Content-Length", "3000")
			_ = writeWhole(rw, r, pattern(6000))
		case "/again": // once more, after all of it
			rw.Header().Set("Content-Length", "6000")
			_ = writeWhole(rw, r, pattern(6000))
			_ = writeWhole(rw, r, pattern(6000))
		case "/other": // another body than the announced one, after a panic
			func() {
				defer func() { _ = recover() }()
				rw.Header().Set("Content-Length", "6000")
				_ = writeWhole(panicking{rw}, r, pattern(6000))
			}()
			rw.Header().Set("Content-Length", "5000")
			_, _ = rw.Write(pattern(5000))
		case "/none":
			rw.Header().Set("Content-Length", "6000")
			rw.WriteHeader(http.StatusNotModified)
			_ = writeWhole(rw, r, pattern(6000))
		default:
			whole(rw, r)
		}
	}))))
	for path, want := range map[string]struct {
		body  []byte
		stays bool // the connection, for the next request
	}{
		"/less":            {pattern(6000), false},
		"/more":            {nil, false},
		"/again":           {pattern(6000), false},
		"/other":           {pattern(5000), true},
		"/none":            {nil, true},
		"/panic?size=3600": {pattern(3600), false},
		"/panic?size=9000": {pattern(9000), false},
	} {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		in := bufio.NewReader(c)
		_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\nGET /?size=7 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		must(t, err)
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body, _ := io.ReadAll(r.Body) // breaks off where the head says more
		if !bytes.Equal(body, want.body) {
			t.Errorf("%s: %d bytes, want %d, or others", path, len(body), len(want.body))
		}
		next, err := http.ReadResponse(in, nil)
		if !want.stays {
			if err == nil {
				t.Errorf("%s: and then %d", path, next.StatusCode)
			}
			continue
		}
		if err != nil {
			t.Errorf("after %s: %v", path, err)
			continue
		}
		if body, err := io.ReadAll(next.Body); err != nil || !bytes.Equal(body, pattern(7)) {
			t.Errorf("after %s: %q, %v", path, body, err)
		}
	}
}

// panicking is a writer with a flaw.
type panicking struct{ http.ResponseWriter }

func (panicking) Write([]byte) (int, error) { panic("oops") }

// Who reads slowly gets all, and who goes away keeps nobody.
func TestWholeBodiesAndOddClients(t *testing.T) {
	w := newWorld(t)
	left := make(chan struct{})
	addr := w.wired(t, w.begin(w.headers(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			<-r.Context().Done() // the client has closed
			defer close(left)
		}
		whole(rw, r)
	}))))
	ask := func(path string) *net.TCPConn {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		must(t, c.(*net.TCPConn).SetReadBuffer(4096))
		_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		must(t, err)
		return c.(*net.TCPConn)
	}
	slow := ask(fmt.Sprintf("/?size=%d", maxAhead))
	gone := ask("/gone?size=9000")
	must(t, gone.SetLinger(0))
	must(t, gone.Close())
	select {
	case <-left:
	case <-time.After(time.Minute):
		t.Fatal("the answer to who has gone does not end")
	}
	r, err := http.ReadResponse(bufio.NewReaderSize(slow, 16), nil)
	must(t, err)
	var got []byte
	for b := make([]byte, 100); ; {
		n, err := r.Body.Read(b)
		got = append(got, b[:n]...)
		if err == io.EOF {
			break
		}
		must(t, err)
	}
	if !bytes.Equal(got, pattern(maxAhead)) {
		t.Errorf("%d bytes for a slow reader, or others", len(got))
	}
}

// An error reaches net/http with the first piece, and nothing is taken afterwards
// as if it had been sent.
func TestWholeBodyAndErrors(t *testing.T) {
	near, _ := tcpPair(t)
	head, body := []byte("HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n"), pattern(6000)
	first := append(head, body[:3000]...)
	c := &wireConn{tcpConn: near, always: []byte("A: b\r\n"), pending: true, body: body}
	must(t, near.SetWriteDeadline(time.Now().Add(-time.Second)))
	for range 2 {
		if n, err := c.Write(first); !errors.Is(err, os.ErrDeadlineExceeded) || n > len(first) || c.ahead != 0 {
			t.Fatalf("past the deadline: %d of %d, %v; %d sent ahead", n, len(first), err, c.ahead)
		}
	}
	must(t, near.SetWriteDeadline(time.Time{}))
	c.pending = true
	n, err := c.Write(first)
	if err != nil || n != len(first) || c.ahead != 3000 {
		t.Fatalf("%d, %v; %d sent ahead", n, err, c.ahead)
	}
	if n, err := c.Write(body[2999:]); n != 0 || !errors.Is(err, errPastBody) {
		t.Errorf("more than the body: %d, %v", n, err)
	}
	c = &wireConn{tcpConn: near, pending: true, body: bytes.Repeat([]byte("?"), 6000)}
	if n, err := c.Write(first); err != nil || n != len(first) || c.ahead != 0 {
		t.Errorf("another body than the announced one: %d, %v; %d sent ahead", n, err, c.ahead)
	}
}
