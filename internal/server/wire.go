package server

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// What every answer carries, whatever it is, does not go through net/http, which
// would put it into a map that grows, copy that, sort it and write it, for each
// answer: that was an eighth of what a check cost. It is made once, as the bytes that
// go behind the status line, and put there as the answer passes.
//
// Listen and ConnContext are for the http.Server. Without them, as under
// net/http/httptest, the same headers take the usual way.

// Listen returns l with connections that know the headers of every answer.
func (s *Server) Listen(l net.Listener) net.Listener { return wireListener{l, wireForm(s.always())} }

type wireListener struct {
	net.Listener
	always []byte
}

// Accept implements net.Listener.
func (l wireListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &wireConn{TCPConn: tcp, always: l.always}, nil
	}
	return c, err
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
	*net.TCPConn
	always []byte
	// pending: what is written next begins an answer.
	pending bool
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

var errNoStatusLine = errors.New("server: what should be an answer has no status line")

// wireBuffers are kept for the next answers.
var wireBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// Write implements net.Conn.
func (c *wireConn) Write(p []byte) (int, error) {
	if !c.pending {
		return c.TCPConn.Write(p)
	}
	const status = len("HTTP/1.1 ")
	end := bytes.IndexByte(p, '\n') + 1
	switch {
	case end <= status || !bytes.HasPrefix(p, []byte("HTTP/1.")):
		return 0, errNoStatusLine // rather nothing than an answer without them
	case p[status] == '1':
		return c.TCPConn.Write(p) // "100 Continue": the answer is still to come
	}
	c.pending = false
	buf := wireBuffers.Get().(*[]byte)
	b := append((*buf)[:0], p[:end]...)
	b = append(b, c.always...)
	b = append(b, p[end:]...)
	n, err := c.TCPConn.Write(b)
	*buf = b
	wireBuffers.Put(buf)
	if err != nil { // then it matters little how much; never more than there was
		return min(n, end), err
	}
	return len(p), nil
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
