package server

import (
	"net/http"
	"slices"

	"github.com/go-chi/cors"
)

// preflightAge is for how many seconds a browser may remember what it was told
// before it sent a request.
const preflightAge = 600

// cors lets pages of the listed origins read answers of the API (Fetch standard,
// section 3.2), and of nothing else. They have to bring a token: the cookie is
// SameSite=Lax and checkOrigin refuses it from elsewhere, so browsers are told
// that credentials do not count. Cross-Origin-Resource-Policy stays same-origin,
// for it is about requests without CORS.
func (s *Server) cors(next http.Handler) http.Handler {
	if len(s.CORSOrigins) == 0 {
		return next
	}
	shared := cors.Handler(cors.Options{
		// By letter. Without the function an empty list would mean everybody.
		AllowOriginFunc:  func(_ *http.Request, origin string) bool { return s.listed(origin) },
		AllowedMethods:   []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders:   []string{"Authorization", "Content-Type"}, // and those that need no leave
		ExposedHeaders:   []string{"Retry-After", "WWW-Authenticate", "X-Request-Id"},
		AllowCredentials: false,
		MaxAge:           preflightAge,
	})(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isAPI(r) {
			shared.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) listed(origin string) bool { return slices.Contains(s.CORSOrigins, origin) }

// fromListed reports whether r comes to the API from a page of a listed origin
// and carries no cookie, so that it can act for nobody but who it names itself.
func (s *Server) fromListed(r *http.Request) bool {
	origin := r.Header["Origin"]
	return len(origin) == 1 && s.listed(origin[0]) && isAPI(r) && len(r.Header["Cookie"]) == 0
}
