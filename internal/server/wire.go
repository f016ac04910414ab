package server

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// What every answer carries, whatever it is, does not go through net/http, which
// would put it into a map that grows, copy that, sort it and write it, for each
// answer: that was an eighth of what a check cost. It is made once, as the bytes that
// go behind the status line, and put there as the answer passes.
//
// Nor does a page wait in net/http's buffer of 4 KB until that is full, to be sent
// in two pieces: each costs a system call, and the client is woken for each. What
// has announced its whole body goes out behind its head at once.
//
// Listen and ConnContext are for the http.Server. Without them, as under
// net/http/httptest, the same headers and bodies take the usual way.

// Listen returns l with connections that know the headers of every answer.
func (s *Server) Listen(l net.Listener) net.Listener { return wireListener{l, wireForm(s.always())} }

type wireListener struct {
	net.Listener
	always []byte
}

// Accept implements net.Listener.
func (l wireListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(tcpConn); ok {
		return &wireConn{tcpConn: tcp, always: l.always}, nil
	}
	return c, err
}

// tcpConn is what net/http uses of a *net.TCPConn.
type tcpConn interface {
	net.Conn
	CloseWrite() error
}

type wireKey struct{}

// ConnContext is for the field of that name.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if w, ok := c.(*wireConn); ok {
		return context.WithValue(ctx, wireKey{}, w)
	}
	return ctx
}

// wireConn is one connection. net/http writes to it from one goroutine, the one
// that also runs the handlers.
type wireConn struct {
	tcpConn
	always []byte
	// pending: what is written next begins an answer.
	pending bool
	// body is all of the answer's, while it is being written; nil: not known.
	body []byte
	// ahead is how many bytes have been sent that net/http has yet to write.
	ahead int
}

// expectAnswer makes the next answer to r carry what every answer does, and
// reports whether that can be done.
func expectAnswer(r *http.Request) bool {
	c, ok := r.Context().Value(wireKey{}).(*wireConn)
	if ok {
		c.pending = true
	}
	return ok
}

// maxAhead bounds the bodies that are sent at once, and with them the memory of a
// kept buffer. To one piece more a larger one does not come.
const maxAhead = 64 << 10

// writeWhole writes body, the whole of the answer to r, to w. If the head says
// how long it is, both go out together.
func writeWhole(w http.ResponseWriter, r *http.Request, body []byte) error {
	length, err := strconv.Atoi(w.Header().Get("Content-Length"))
	c, ok := r.Context().Value(wireKey{}).(*wireConn)
	if ok && err == nil && length == len(body) && length <= maxAhead {
		c.body = body
		defer func() { c.body = nil }() // what net/http keeps for later it has copied
	}
	_, err = w.Write(body)
	return err
}

var (
	errNoStatusLine = errors.New("server: what should be an answer has no status line")
	errPastBody     = errors.New("server: an answer goes on after its body")
)

// wireBuffers are kept for the next answers.
var wireBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// Write implements net.Conn. If the body is known it sends all of it with the
// first piece, and takes the others without sending them again. What net/http
// counts is what has been sent, at the latest when the answer is complete; one
// that breaks off closes the connection, as it has fewer bytes than its head says.
func (c *wireConn) Write(p []byte) (int, error) {
	if c.ahead > 0 {
		if len(p) > c.ahead {
			return 0, errPastBody
		}
		c.ahead -= len(p)
		return len(p), nil
	}
	if !c.pending {
		return c.tcpConn.Write(p)
	}
	const status = len("HTTP/1.1 ")
	end := bytes.IndexByte(p, '\n') + 1
	switch {
	case end <= status || !bytes.HasPrefix(p, []byte("HTTP/1.")):
		return 0, errNoStatusLine // rather nothing than an answer without them
	case p[status] == '1':
		return c.tcpConn.Write(p) // "100 Continue": the answer is still to come
	}
	c.pending = false
	rest := restOf(c.body, p)
	buf := wireBuffers.Get().(*[]byte)
	b := append((*buf)[:0], p[:end]...)
	b = append(b, c.always...)
	b = append(b, p[end:]...)
	b = append(b, rest...)
	n, err := c.tcpConn.Write(b)
	*buf = b
	wireBuffers.Put(buf)
	if err != nil { // then it matters little how much; never more than there was
		return min(n, end), err
	}
	c.ahead = len(rest)
	return len(p), nil
}

// restOf returns what is to follow p, the head of an answer and the beginning of
// its body; nil if p holds nothing of the body, as after HEAD or with a very
// long head.
func restOf(body, p []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	_, begun, _ := bytes.Cut(p, []byte("\r\n\r\n"))
	rest, ok := bytes.CutPrefix(body, begun)
	if !ok || len(begun) == 0 {
		return nil
	}
	return rest
}

// header is one that every answer carries. The value is shared by all: whoever
// wants another one puts it in the place of the slice (Set, Del) and never into
// it.
type header struct {
	name  string // canonical
	value []string
}

// wireForm returns headers as they are sent.
func wireForm(all []header) []byte {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b header) int { return strings.Compare(a.name, b.name) }) // as net/http
	var b []byte
	for _, h := range all {
		for _, v := range h.value {
			b = append(append(append(append(b, h.name...), ": "...), v...), "\r\n"...)
		}
	}
	return b
}
