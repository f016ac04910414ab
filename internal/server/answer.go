package server

import (
	"bytes"
	"net/http"
)

// handler answers a request or returns why it cannot; it never answers an
// error itself, so that it cannot go on after one.
type handler func(w http.ResponseWriter, r *http.Request) error

// page runs h and holds its answer back until what h changed in the session has
// been written. If the session has ended meanwhile, what h wrote, cookies and
// all, is thrown away (I1).
func (s *Server) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var a answer
		err := h(&a, r)
		if err == nil {
			err = s.cookies.Commit(r.Context())
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		a.send(w)
	}
}

// answer is a complete answer that has not been sent.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// WriteHeader implements http.ResponseWriter; the first call counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.status)
	_, _ = a.body.WriteTo(w) // the client may be gone; there is nobody to tell
}

// seeOther sends the browser on after a POST.
func seeOther(w http.ResponseWriter, to string) error {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}
