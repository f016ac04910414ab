package server

import (
	"bytes"
	"net/http"
	"sync"
)

// handler answers a request or returns why it cannot; it never answers an
// error itself, so that it cannot go on after one.
type handler func(w http.ResponseWriter, r *http.Request) error

// page runs h and holds its answer back until what h changed in the session has
// been written. If the session has ended meanwhile, what h wrote, cookies and
// all, is thrown away (I1).
func (s *Server) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := answers.Get().(*answer)
		err := h(a, r)
		if err == nil {
			err = s.cookies.Commit(r.Context())
		}
		if err == nil {
			a.send(w, r)
		}
		a.free() // not after a panic: who knows what still holds it
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

// answer is a complete answer that has not been sent.
type answer struct {
	header http.Header
	status int
	body   *bytes.Buffer // nil: empty
}

// answers are kept, empty, for the next pages.
var answers = sync.Pool{New: func() any { return &answer{header: http.Header{}} }}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter; the first call counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body == nil {
		a.body = newBuffer()
	}
	return a.body.Write(b)
}

func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.status)
	if a.body != nil {
		_ = writeWhole(w, r, a.body.Bytes()) // the client may be gone; there is nobody to tell
	}
}

// free gives a and its body back. Nobody may use either after that.
func (a *answer) free() {
	if a.body != nil {
		keepBuffer(a.body)
	}
	if len(a.header) > maxKeptHeaders { // a map never shrinks
		return
	}
	clear(a.header) // the values are those of the answer that was sent
	a.status, a.body = 0, nil
	answers.Put(a)
}

// maxKeptHeaders is more than any page sets.
const maxKeptHeaders = 16

// buffers are kept for the next pages, each of tens of kilobytes.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKept bounds the memory of a kept buffer.
const maxKept = 256 << 10

// newBuffer returns an empty buffer.
func newBuffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

// keepBuffer empties a buffer that nobody uses any more, and keeps it unless it
// has grown large.
func keepBuffer(b *bytes.Buffer) {
	if b.Cap() > maxKept {
		return
	}
	b.Reset()
	buffers.Put(b)
}

// seeOther sends the browser on after a POST.
func seeOther(w http.ResponseWriter, to string) error {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}
