package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// routes is every route there is. What stands inside a group needs what the
// group asks for; every request that changes something has passed the origin
// check before it reaches any route.
func (s *Server) routes() *chi.Mux {
	r := chi.NewRouter()
	r.Use(
		s.headers, // behind begin: request id, client address, log line
		s.recover,
		s.cors,
		s.limitBody,
		s.checkOrigin,
		middleware.GetHead,
	)
	// Who is signed in keeps the way on that every page has.
	r.NotFound(s.recognise(s.page(s.notFound)).ServeHTTP)
	r.MethodNotAllowed(s.recognise(http.HandlerFunc(s.methodNotAllowed)).ServeHTTP)

	r.Get("/healthz", s.healthz)
	r.Get("/readyz", s.readyz)
	r.Handle(staticPrefix+"*", s.staticFiles())
	r.Get("/.well-known/change-password", s.page(s.changePasswordURL))
	r.Get("/.well-known/jwks.json", s.page(s.jwks))
	r.Post("/language", s.page(s.setLanguage))

	r.Get("/", s.page(s.home))
	r.Get("/setup", s.page(s.showSetup))
	r.Post("/setup", s.page(s.setup))

	r.Group(func(r chi.Router) { // anybody; who is signed in is recognised
		r.Use(s.recognise)
		r.Get("/login", s.page(s.showLogin))
		r.Get("/signup", s.page(s.showSignUp))
	})
	r.Post("/login", s.page(s.login))
	r.Post("/login/choose", s.page(s.loginByTicket))
	r.Post("/signup", s.page(s.signUp))
	r.Post("/logout", s.page(s.logout))
	r.Get("/mypage/events", s.events) // answers for itself, without s.page: it streams

	r.Group(func(r chi.Router) { // a live session
		r.Use(s.requireUser)
		r.Get("/mypage", s.page(s.mypage))
		r.Post("/mypage/sessions/{id}/end", s.page(s.endMine))
		r.Post("/mypage/sessions/end-others", s.page(s.endOthers))
		r.Get("/mypage/password", s.page(s.showPassword))
		r.Post("/mypage/password", s.page(s.changePassword))

		r.Group(func(r chi.Router) { // a live session of an administrator
			r.Use(s.requireAdmin)
			r.Get("/admin", s.page(s.admin))
			r.Get("/admin/sessions", s.page(s.adminSessions))
			r.With(s.patient).Get("/admin/sessions/end", s.page(s.confirmEndSessions))
			r.With(s.patient).Post("/admin/sessions/end", s.page(s.endSessions))
			r.Get("/admin/sessions/{id}/end", s.page(s.confirmEndSession))
			r.Post("/admin/sessions/{id}/end", s.page(s.endSession))
			r.Get("/admin/audit", s.page(s.adminAudit))
			r.Get("/admin/audit.csv", s.auditCSV) // too long to be held back
			r.Get("/admin/users", s.page(s.adminUsers))
			r.Get("/admin/users/{username}/{action}", s.page(s.confirmUserAction))
			r.Post("/admin/users/{username}/end-sessions", s.page(s.endUserSessions))
			r.Post("/admin/users/{username}/disable", s.page(s.disableUser))
			r.Post("/admin/users/{username}/enable", s.page(s.enableUser))
			r.Post("/admin/users/{username}/role", s.page(s.setRole))
		})
	})
	r.Post("/oauth/introspect", s.page(s.introspect))
	r.Post("/oauth/revoke", s.page(s.revoke))
	s.api(r)
	return r
}

// api is every route of the JSON API. Their answers are held back as those of
// pages, and their errors are problems because of their path.
func (s *Server) api(r chi.Router) {
	r.Get("/api/v1/openapi.json", s.page(s.openAPI))
	r.Post("/api/v1/signup", s.page(s.apiSignUp))
	r.Post("/api/v1/login", s.page(s.apiLogin))
	r.Post("/api/v1/login/choose", s.page(s.apiLoginByTicket))
	r.Post("/api/v1/refresh", s.page(s.apiRefresh))
	r.Post("/api/v1/logout", s.page(s.apiLogout))

	r.Group(func(r chi.Router) { // a live session
		r.Use(s.requireUser)
		r.Get("/api/v1/me", s.page(s.apiMe))
		r.Post("/api/v1/password", s.page(s.apiPassword))
		r.Get("/api/v1/sessions", s.page(s.apiMySessions))
		r.Delete("/api/v1/sessions/{id}", s.page(s.apiEndMine))
		r.Post("/api/v1/sessions/end-others", s.page(s.apiEndOthers))

		r.Group(func(r chi.Router) { // a live session of an administrator
			r.Use(s.requireAdmin)
			r.Get("/api/v1/admin/sessions", s.page(s.apiAdminSessions))
			r.With(s.patient).Post("/api/v1/admin/sessions/end", s.page(s.apiForceOutWhere))
			r.Delete("/api/v1/admin/sessions/{id}", s.page(s.apiForceOutOne))
			r.Get("/api/v1/admin/users", s.page(s.apiAdminUsers))
			r.Post("/api/v1/admin/users/{username}/end-sessions", s.page(s.apiForceOut))
			r.Post("/api/v1/admin/users/{username}/disable", s.page(s.apiDisable))
			r.Post("/api/v1/admin/users/{username}/enable", s.page(s.apiEnable))
			r.Post("/api/v1/admin/users/{username}/role", s.page(s.apiRole))
			r.Get("/api/v1/admin/audit", s.page(s.apiAdminAudit))
		})
	})
}

// staticFiles serves what the pages are made of, with our own page for what
// does not exist.
func (s *Server) staticFiles() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.assets.files[r.URL.Path]; !ok {
			s.page(s.notFound)(w, r)
			return
		}
		w.Header().Del("Vary") // the same for everybody: one copy per cache
		s.assets.ServeHTTP(w, r)
	})
}
