package server

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// maxBody bounds what a request may send: the largest form is sign-up.
const maxBody = 64 << 10

const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// always returns what every answer carries, errors included, and nobody changes.
func (s *Server) always() []header {
	all := []header{
		{"Content-Security-Policy", []string{contentSecurityPolicy}},
		{"X-Frame-Options", []string{"DENY"}},
		{"X-Content-Type-Options", []string{"nosniff"}},
		// Not no-referrer: browsers would then send Origin: null with our forms.
		{"Referrer-Policy", []string{"same-origin"}},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Permissions-Policy", []string{"camera=(), geolocation=(), microphone=()"}},
	}
	if s.PublicURL.Scheme == "https" {
		all = append(all, header{"Strict-Transport-Security", []string{"max-age=63072000"}})
	}
	return all
}

// unlessSaid is what answers carry that say nothing else: pages differ by who
// asks and in which language; static files, which do not, replace both.
var unlessSaid = []header{
	{"Cache-Control", []string{"no-store"}},
	{"Vary", []string{"Cookie, Accept-Language"}},
}

// headers sets what every answer carries, or has it put in on the way (wire.go).
func (s *Server) headers(next http.Handler) http.Handler {
	always := s.always()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, one := range unlessSaid {
			h[one.name] = one.value
		}
		if !expectAnswer(r) {
			for _, one := range always {
				h[one.name] = one.value
			}
		}
		next.ServeHTTP(w, r)
	})
}

// recover turns a panic into the page for an internal error.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				s.Log.ErrorContext(r.Context(), "panic", "request", exchangeOf(r.Context()).requestID(), "stack", string(debug.Stack()))
				s.fail(w, r, fmt.Errorf("panic: %v", p))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// limitBody refuses what is larger than any form of ours.
func (s *Server) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody { // as of nearly every GET
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// checkOrigin refuses requests that change something and come from another
// site's page. Who shows an access token is not lured: no browser adds one by
// itself, and the cookie that it does add counts for nothing beside it.
// Nor is a page of a listed origin that uses the API without a cookie.
func (s *Server) checkOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.origin.allows(r) && !showsToken(r) && !s.fromListed(r) {
			s.fail(w, r, errCrossOrigin)
			return
		}
		next.ServeHTTP(w, r)
	})
}
