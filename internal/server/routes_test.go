package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// access is what a route answers to whom. 303* is a redirect to the log-in page.
var access = map[string]struct{ stranger, user, admin string }{
	"GET /":                                {"303*", "303", "303"},
	"GET /healthz":                         {"200", "200", "200"},
	"GET /readyz":                          {"200", "200", "200"},
	"GET /static/*":                        {"404", "404", "404"},
	"GET /.well-known/change-password":     {"303", "303", "303"},
	"GET /.well-known/jwks.json":           {"200", "200", "200"},
	"GET /setup":                           {"404", "404", "404"}, // an administrator exists
	"GET /login":                           {"200", "303", "303"},
	"GET /signup":                          {"200", "303", "303"},
	"GET /mypage":                          {"303*", "200", "200"},
	"GET /mypage/password":                 {"303*", "200", "200"},
	"GET /mypage/events":                   {"401", "200", "200"},
	"GET /admin":                           {"303*", "403", "303"},
	"GET /admin/sessions":                  {"303*", "403", "200"},
	"GET /admin/sessions/end":              {"303*", "403", "422"}, // nothing selected
	"GET /admin/sessions/{id}/end":         {"303*", "403", "200"},
	"GET /admin/audit":                     {"303*", "403", "200"},
	"GET /admin/audit.csv":                 {"303*", "403", "200"},
	"GET /admin/users":                     {"303*", "403", "200"},
	"GET /admin/users/{username}/{action}": {"303*", "403", "200"},

	"GET /api/v1/openapi.json":   {"200", "200", "200"},
	"GET /api/v1/me":             {"401", "200", "200"},
	"GET /api/v1/sessions":       {"401", "200", "200"},
	"GET /api/v1/admin/sessions": {"401", "403", "200"},
	"GET /api/v1/admin/users":    {"401", "403", "200"},
	"GET /api/v1/admin/audit":    {"401", "403", "200"},

	"POST /api/v1/signup":                              {"415", "415", "415"}, // an empty body that is not JSON
	"POST /api/v1/login":                               {"415", "415", "415"},
	"POST /api/v1/login/choose":                        {"415", "415", "415"},
	"POST /api/v1/refresh":                             {"415", "415", "415"},
	"POST /api/v1/logout":                              {"200", "200", "200"},
	"POST /api/v1/password":                            {"401", "415", "415"},
	"POST /api/v1/sessions/end-others":                 {"401", "200", "200"},
	"DELETE /api/v1/sessions/{id}":                     {"401", "404", "404"}, // somebody else's
	"POST /api/v1/admin/sessions/end":                  {"401", "403", "422"}, // nothing selected
	"DELETE /api/v1/admin/sessions/{id}":               {"401", "403", "200"},
	"POST /api/v1/admin/users/{username}/end-sessions": {"401", "403", "200"},
	"POST /api/v1/admin/users/{username}/disable":      {"401", "403", "200"},
	"POST /api/v1/admin/users/{username}/enable":       {"401", "403", "200"},
	"POST /api/v1/admin/users/{username}/role":         {"401", "403", "415"},

	"POST /oauth/introspect": {"401", "401", "401"}, // no service
	"POST /oauth/revoke":     {"401", "401", "401"},

	"POST /language":                            {"303", "303", "303"},
	"POST /setup":                               {"404", "404", "404"},
	"POST /login":                               {"422", "422", "422"}, // an empty form
	"POST /login/choose":                        {"409", "409", "409"}, // no ticket
	"POST /signup":                              {"422", "422", "422"},
	"POST /logout":                              {"303*", "303*", "303*"},
	"POST /mypage/password":                     {"303*", "422", "422"},
	"POST /mypage/sessions/{id}/end":            {"303*", "303", "303"},
	"POST /mypage/sessions/end-others":          {"303*", "303", "303"},
	"POST /admin/sessions/end":                  {"303*", "403", "422"},
	"POST /admin/sessions/{id}/end":             {"303*", "403", "303"},
	"POST /admin/users/{username}/end-sessions": {"303*", "403", "303"},
	"POST /admin/users/{username}/disable":      {"303*", "403", "303"},
	"POST /admin/users/{username}/enable":       {"303*", "403", "303"},
	"POST /admin/users/{username}/role":         {"303*", "403", "400"}, // no role named
}

// walkRoutes calls f with every route of the router, static files once.
func walkRoutes(t *testing.T, s *Server, f func(method, pattern string)) {
	t.Helper()
	err := chi.Walk(s.router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if pattern == staticPrefix+"*" && method != "GET" {
			return nil // Handle registers every method
		}
		f(method, pattern)
		return nil
	})
	must(t, err)
}

// fill puts real names into a pattern.
func fill(pattern string, id session.ID, username string) string {
	return strings.NewReplacer("{id}", string(id), "{username}", username, "{action}", "disable", "/*", "/nothing").Replace(pattern)
}

func TestEveryRouteAsStrangerUserAndAdministrator(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("root1", user.RoleAdmin)
	w.account("victim", user.RoleUser)
	seen := map[string]bool{}
	walkRoutes(t, w.Server, func(method, pattern string) {
		route := method + " " + pattern
		seen[route] = true
		want, ok := access[route]
		if !ok {
			t.Errorf("%s is not in the table: who may use it?", route)
			return
		}
		for who, c := range map[string]struct {
			want string
			*client
		}{
			"stranger": {want.stranger, w.client()},
			"user":     {want.user, w.loggedIn("alice")},
			"admin":    {want.admin, w.loggedIn("root1")},
		} {
			target := w.account(fmt.Sprintf("v%d-%s", len(seen), who), user.RoleUser)
			victim := w.loggedIn(target.Username)
			var r = c.do(method, fill(pattern, victim.session(), target.Username), strings.NewReader(""))
			got := fmt.Sprint(r.Code)
			if strings.HasPrefix(r.Header().Get("Location"), "/login") {
				got += "*"
			}
			if got != c.want {
				t.Errorf("%s as %s: %s (to %q), want %s", route, who, got, r.Header().Get("Location"), c.want)
			}
			// Whoever may not, has not.
			if strings.Contains(pattern, "/admin/") && who != "admin" {
				if r := victim.get("/mypage"); r.Code != http.StatusOK {
					t.Errorf("%s as %s: the victim's session is gone (%d)", route, who, r.Code)
				}
			}
		}
	})
	for route := range access {
		if !seen[route] {
			t.Errorf("%s is in the table and not in the router", route)
		}
	}
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	wantStatus(t, c.get("/nothing"), http.StatusNotFound)
	wantStatus(t, c.get("/static/app.css"), http.StatusNotFound)
	wantStatus(t, c.post("/nothing"), http.StatusNotFound)
	wantStatus(t, c.do("DELETE", "/mypage", nil), http.StatusMethodNotAllowed)
	wantStatus(t, c.get("/logout"), http.StatusMethodNotAllowed)
	wantStatus(t, c.do("HEAD", "/login", nil), http.StatusOK)
	if w.log.Len() == 0 || !strings.Contains(w.log.String(), "status=405") {
		t.Error("no log line")
	}
}
