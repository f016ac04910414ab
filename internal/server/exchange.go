package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
)

// exchange is one request and its answer, as far as the log line and every
// page need to know it. It is the context of the request, with its session and
// chi's route in it: one copy of the request carries all three.
type exchange struct {
	session.Visit // empty without a live session

	route   *chi.Context // nil outside the router
	id      [1]string    // request id, as the header's values
	lang    string
	ip      netip.Addr // of the client; invalid if the proxies do not say
	peer    bool       // ip is that of the connection
	session session.ID // the live session of the request, if any
	byToken bool       // which session that is, no cookie says: neither read nor cleared
	err     error      // why the answer is an error
	writer  recorder
}

type exchangeKey struct{}

// Value implements context.Context.
func (x *exchange) Value(key any) any {
	if _, mine := key.(exchangeKey); mine {
		return x
	}
	if x.route != nil && key == any(chi.RouteCtxKey) {
		return x.route
	}
	return x.Visit.Value(key)
}

// requestID returns the id of the request.
func (x *exchange) requestID() string { return x.id[0] }

// exchangeOf returns the exchange that begin made the context.
func exchangeOf(ctx context.Context) *exchange {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return &exchange{lang: languages[0].String()} // a handler called without its middleware
	}
	return x
}

// routeContexts are kept for the next requests, as chi keeps its own.
var routeContexts = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// begin opens the exchange and writes one log line when it is over. The line
// has no query (set-up codes, next=) and no header. It stands in front of the
// router, which then need not make a context of its own.
func (s *Server) begin(next http.Handler) http.Handler {
	address, direct := reportedAddr, len(s.TrustedProxies) == 0
	if direct {
		address = peerAddr
	}
	routes, _ := next.(chi.Routes)
	return s.clientIP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{
			Visit:   session.Visit{Context: r.Context()},
			id:      [1]string{newRequestID()},
			lang:    languageOf(r),
			ip:      address(r),
			peer:    direct,
			writer:  recorder{ResponseWriter: w},
			byToken: isAPI(r) && hasAuthorization(r),
		}
		if routes != nil {
			x.route = routeContexts.Get().(*chi.Context)
			x.route.Reset()
			x.route.Routes = routes
		}
		r = r.WithContext(x)
		w.Header()["X-Request-Id"] = x.id[:]
		began := s.Now()
		defer func() {
			s.logExchange(r, x, began, s.Now())
			if x.route != nil {
				routeContexts.Put(x.route)
			}
		}()
		next.ServeHTTP(&x.writer, r)
	}))
}

// recorder remembers the status of the answer. What else the server's writer
// can do, http.ResponseController finds through Unwrap.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is sent
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // 1xx is not the answer yet
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// line is the attributes of a log line, with room for all there can be.
type line [9]slog.Attr

// lines are kept for the next requests; handlers write at once what they get.
var lines = sync.Pool{New: func() any { return new(line) }}

// logExchange writes the line. It goes straight to the handler: the logger would
// find out for each where in the program it comes from.
func (s *Server) logExchange(r *http.Request, x *exchange, began, ended time.Time) {
	status := x.writer.status
	if status == 0 {
		status = http.StatusOK
	}
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	h := s.Log.Handler()
	if !h.Enabled(x, level) {
		return
	}
	route := "-"
	if pattern := x.route.RoutePattern(); pattern != "" {
		route = pattern
	}
	l := lines.Get().(*line)
	attrs := append(l[:0],
		slog.String("request", x.requestID()),
		slog.String("method", loggedMethod(r.Method)),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Duration("took", ended.Sub(began)),
		slog.String("ip", x.addrText(r)),
	)
	if x.session != "" {
		attrs = append(attrs, slog.String("session", x.session.Short()))
	}
	if x.err != nil {
		var refused *token.RefusedError
		if errors.As(x.err, &refused) { // what the client is not told
			attrs = append(attrs, slog.String("refused", refused.Reason))
		}
	}
	if x.err != nil && status >= http.StatusInternalServerError {
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	record := slog.NewRecord(ended, level, "request", 0)
	record.AddAttrs(slog.Attr{Value: slog.GroupValue(attrs...)}) // without a name it is its attributes
	_ = h.Handle(x, record)                                      // as slog.Logger: there is nowhere else to say it
	*l = line{}
	lines.Put(l)
}

// addrText returns the client's address for the log, as text that is there
// already where it can be.
func (x *exchange) addrText(r *http.Request) string {
	host, _, ok := strings.Cut(r.RemoteAddr, ":")
	if ok && x.peer && x.ip.Is4() { // then net/netip has read it, which knows only one way to write it
		return host
	}
	return addrText(x.ip)
}

// loggedMethod keeps made-up methods, which may be long, out of the log.
func loggedMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// clientIP finds what the trusted proxies report as the client's address, if
// there are any: nobody else's X-Forwarded-For is believed.
func (s *Server) clientIP(next http.Handler) http.Handler {
	if len(s.TrustedProxies) == 0 {
		return next
	}
	proxies := make([]string, len(s.TrustedProxies))
	for i, p := range s.TrustedProxies {
		proxies[i] = p.String()
	}
	return middleware.ClientIPFromXFF(proxies...)(next)
}

// reportedAddr returns the address that clientIP has found; invalid if none.
func reportedAddr(r *http.Request) netip.Addr {
	return middleware.GetClientIPAddr(r.Context()).Unmap()
}

// peerAddr returns who is at the other end of the connection. It is what
// chi's ClientIPFromRemoteAddr finds, without a context and a copy of the
// request to carry it.
func peerAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}
