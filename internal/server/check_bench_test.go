package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// wireWriter does with headers what net/http's server does: a map that grows, and
// a copy of it when the header is written.
type wireWriter struct {
	header, sent http.Header
	status       int
}

func (w *wireWriter) Header() http.Header         { return w.header }
func (w *wireWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *wireWriter) WriteHeader(status int)      { w.status, w.sent = status, w.header.Clone() }

// BenchmarkCheck is what the program adds to a request around asking the store:
// all that stands in front of the routes, the log line, and finding out who it is.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) })
	browser, cookie, bearer, access := w.bothCarriers(b, user.RoleAdmin)
	run := func(name, path string, status int, record session.Session, header, value string, verifier *token.Verifier) {
		b.Run(name, func(b *testing.B) {
			w.Server.Verifier = verifier
			w.Server.Sessions = session.NewManager(oneRecord{record: record}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now)
			w.cookies = session.NewCookies(w.Server.Sessions, "__Host-session", true)
			r := httptest.NewRequest("GET", path, nil)
			r.Body = http.NoBody
			r.Header.Set("Accept-Language", "ko-KR,ko;q=0.9")
			r.Header.Set(header, value)
			b.ReportAllocs()
			for b.Loop() {
				rec := &wireWriter{header: http.Header{}}
				w.ServeHTTP(rec, r)
				if rec.status != status {
					b.Fatalf("%d", rec.status)
				}
			}
		})
	}
	run("cookie", "/admin", http.StatusSeeOther, cookie, "Cookie", "__Host-session="+browser.cookies["__Host-session"].Value, w.Verifier)
	run("bearer", "/api/v1/me", http.StatusOK, bearer, "Authorization", "Bearer "+access, w.Verifier)
	b.Run("nothing", func(b *testing.B) { // what wireWriter itself costs
		b.ReportAllocs()
		for b.Loop() {
			rec := &wireWriter{header: http.Header{}}
			rec.Header()["Location"] = []string{"x"}
			rec.WriteHeader(http.StatusSeeOther)
		}
	})
}
