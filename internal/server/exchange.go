package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
)

// exchange is one request and its answer, as far as the log line and every
// page need to know it. It travels in the context.
type exchange struct {
	id      string // request id
	lang    string
	ip      netip.Addr // of the client; invalid if the proxies do not say
	session session.ID // the live session of the request, if any
	byToken bool       // which session that is, no cookie says: neither read nor cleared
	err     error      // why the answer is an error
	writer  recorder
}

type exchangeKey struct{}

// exchangeOf returns the exchange that begin put into the context.
func exchangeOf(ctx context.Context) *exchange {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return &exchange{lang: languages[0].String()} // a handler called without its middleware
	}
	return x
}

// begin opens the exchange and writes one log line when it is over. The line
// has no query (set-up codes, next=) and no header.
func (s *Server) begin(next http.Handler) http.Handler {
	address := reportedAddr
	if len(s.TrustedProxies) == 0 {
		address = peerAddr
	}
	return s.clientIP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{
			id:      newRequestID(),
			lang:    languageOf(r),
			ip:      address(r),
			writer:  recorder{ResponseWriter: w},
			byToken: isAPI(r) && hasAuthorization(r),
		}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		w.Header().Set("X-Request-Id", x.id)
		began := s.Now()
		defer func() { s.logExchange(r, x, s.Now().Sub(began)) }()
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

// logExchange tells the observer and writes the line.
func (s *Server) logExchange(r *http.Request, x *exchange, took time.Duration) {
	status := x.writer.status
	if status == 0 {
		status = http.StatusOK
	}
	route, method := routeOf(r), loggedMethod(r.Method)
	if s.Observer != nil {
		s.Observer.Answered(route, method, status, took)
	}
	level := slog.LevelInfo
	attrs := append(make([]slog.Attr, 0, 8), // room for all there can be
		slog.String("request", x.id),
		slog.String("method", method),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("ip", addrText(x.ip)),
	)
	if x.session != "" {
		attrs = append(attrs, slog.String("session", x.session.Short()))
	}
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
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
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
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
