package server

import (
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/user"
)

const listedOrigin = "https://app.example"

// corsHeaders are the headers that let a page of another origin in.
func corsHeaders(h http.Header) (all []string) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			all = append(all, name+": "+h.Get(name))
		}
	}
	return all
}

func preflight(c *client, origin, path, method, headers string) http.Header {
	c.header = http.Header{"Origin": {origin}, "Access-Control-Request-Method": {method}}
	if headers != "" {
		c.header.Set("Access-Control-Request-Headers", headers)
	}
	return c.do("OPTIONS", path, nil).Header()
}

func TestCORSPreflights(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.CORSOrigins = []string{"http://localhost:3000", listedOrigin} })
	for _, one := range []struct {
		origin, path, method, headers string
		allowed                       bool
	}{
		{listedOrigin, "/api/v1/login", "POST", "content-type", true},
		{listedOrigin, "/api/v1/me", "GET", "authorization", true},
		{listedOrigin, "/api/v1/sessions/x", "DELETE", "authorization,content-type", true},
		{"http://localhost:3000", "/api/v1/me", "GET", "authorization", true},
		{listedOrigin, "/api/v1/me", "PUT", "", false},
		{listedOrigin, "/api/v1/me", "GET", "x-forwarded-for", false},
		{listedOrigin, "/api/v1/me", "GET", "cookie", false},
		{"https://evil.example", "/api/v1/me", "GET", "", false},
		{"https://app.example.evil.example", "/api/v1/me", "GET", "", false},
		{"https://evil-app.example", "/api/v1/me", "GET", "", false},
		{"https://sub.app.example", "/api/v1/me", "GET", "", false},
		{"http://app.example", "/api/v1/me", "GET", "", false},
		{"https://app.example:8443", "/api/v1/me", "GET", "", false},
		{"https://APP.example", "/api/v1/me", "GET", "", false}, // no browser writes it so
		{"https://app.example/", "/api/v1/me", "GET", "", false},
		{"http://localhost:3001", "/api/v1/me", "GET", "", false},
		{"null", "/api/v1/me", "GET", "", false},
		{"*", "/api/v1/me", "GET", "", false},
		{"", "/api/v1/me", "GET", "", false},
		{listedOrigin, "/mypage", "GET", "", false},
		{listedOrigin, "/login", "POST", "", false},
		{listedOrigin, "/admin/sessions", "GET", "", false},
		{listedOrigin, "/oauth/introspect", "POST", "authorization", false},
		{listedOrigin, "/.well-known/jwks.json", "GET", "", false},
		{listedOrigin, "/api", "GET", "", false},
		{listedOrigin, "/apifoo", "GET", "", false},
	} {
		h := preflight(w.client(), one.origin, one.path, one.method, one.headers)
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%+v: credentials are allowed", one)
		}
		if !one.allowed {
			if all := corsHeaders(h); all != nil {
				t.Errorf("%+v: %q", one, all)
			}
			continue
		}
		if h.Get("Access-Control-Allow-Origin") != one.origin || h.Get("Access-Control-Allow-Methods") != one.method ||
			!strings.EqualFold(strings.ReplaceAll(h.Get("Access-Control-Allow-Headers"), " ", ""), one.headers) || h.Get("Access-Control-Max-Age") != "600" {
			t.Errorf("%+v: %q", one, corsHeaders(h))
		}
		if vary := strings.Join(h.Values("Vary"), ", "); !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Access-Control-Request-Headers") {
			t.Errorf("%+v: Vary %q", one, vary)
		}
	}
	// A preflight is no way past the session check, nor to a page.
	r := w.client().do("OPTIONS", "/api/v1/me", nil)
	wantStatus(t, r, http.StatusMethodNotAllowed)
}

func TestCORSAnswers(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.CORSOrigins = []string{listedOrigin} })
	w.account("alice", user.RoleUser)
	for _, one := range []struct {
		origin, method, path string
		status               int
		readable             bool
	}{
		{listedOrigin, "GET", "/api/v1/openapi.json", 200, true},
		{listedOrigin, "GET", "/api/v1/me", 401, true}, // errors can be read, too
		{listedOrigin, "GET", "/api/v1/nothing", 404, true},
		{listedOrigin, "POST", "/api/v1/login", 415, true}, // past the origin check
		{listedOrigin, "DELETE", "/api/v1/sessions/x", 401, true},
		{"https://evil.example", "GET", "/api/v1/openapi.json", 200, false},
		{"https://evil.example", "POST", "/api/v1/login", 403, false},
		{"null", "POST", "/api/v1/login", 403, false},
		{listedOrigin, "GET", "/login", 200, false},
		{listedOrigin, "POST", "/login", 403, false},
		{listedOrigin, "POST", "/language", 403, false},
		{listedOrigin, "POST", "/oauth/introspect", 403, false},
		{listedOrigin, "GET", "/healthz", 200, false},
		{listedOrigin, "GET", w.assets.urls["app.css"], 200, false},
		{listedOrigin, "GET", "/nothing", 404, false},
	} {
		c := w.client()
		c.header.Set("Origin", one.origin)
		c.header.Set("Sec-Fetch-Site", "cross-site")
		r := c.do(one.method, one.path, strings.NewReader(""))
		wantStatus(t, r, one.status)
		if got := r.Header().Get("Access-Control-Allow-Origin"); one.readable != (got == one.origin) || !one.readable && corsHeaders(r.Header()) != nil {
			t.Errorf("%+v: %q", one, corsHeaders(r.Header()))
		}
		if r.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%+v: credentials are allowed", one)
		}
		if strings.HasPrefix(one.path, "/api/") && !strings.Contains(strings.Join(r.Header().Values("Vary"), ", "), "Origin") {
			t.Errorf("%+v: Vary %q", one, r.Header().Values("Vary"))
		}
	}
	// Caches keep the copy for a page apart from that for a program.
	if vary := strings.Join(w.client().get("/api/v1/openapi.json").Header().Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
		t.Errorf("without Origin: Vary %q", vary)
	}
}

// A page of a listed origin acts for nobody by a cookie: not for who is logged
// in in that browser, and it logs nobody in there.
func TestCORSOriginsHaveNoCookies(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.CORSOrigins = []string{listedOrigin} })
	w.account("alice", user.RoleUser)
	alice := w.loggedIn("alice")
	for _, site := range []string{"", "cross-site", "same-site"} {
		alice.header = http.Header{"Origin": {listedOrigin}, "Content-Type": {"application/json"}}
		if site != "" {
			alice.header.Set("Sec-Fetch-Site", site)
		}
		for _, request := range []string{"POST /api/v1/logout", "POST /api/v1/sessions/end-others", "POST /api/v1/password", "POST /api/v1/login"} {
			method, path, _ := strings.Cut(request, " ")
			if r := alice.do(method, path, strings.NewReader("{}")); r.Code != http.StatusForbidden {
				t.Errorf("%s, site %q: %d", request, site, r.Code)
			}
		}
	}
	alice.header = http.Header{}
	wantStatus(t, alice.get("/mypage"), http.StatusOK)
}

// With nobody listed there is no CORS at all: an empty list is not everybody.
func TestCORSIsOffByDefault(t *testing.T) {
	w := newWorld(t)
	for _, origin := range []string{listedOrigin, "null", "*", ""} {
		if all := corsHeaders(preflight(w.client(), origin, "/api/v1/me", "GET", "authorization")); all != nil {
			t.Errorf("%q: %q", origin, all)
		}
		c := w.client()
		c.header.Set("Origin", origin)
		r := c.get("/api/v1/openapi.json")
		if all := corsHeaders(r.Header()); all != nil {
			t.Errorf("%q: %q", origin, all)
		}
	}
}
