package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/internal/user"
)

// Every answer, whatever it is, carries these.
func wantSafeHeaders(t *testing.T, what string, r *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      contentSecurityPolicy,
		"X-Frame-Options":              "DENY",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := r.Header().Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q, want %q once", what, name, got, want)
		}
	}
	public := r.Header().Get("Content-Type") == "application/jwk-set+json" // the same for everybody: TestJWKS
	if got := r.Header().Values("Cache-Control"); !public && (len(got) != 1 || got[0] != "no-store") {
		t.Errorf("%s: Cache-Control is %q, want no-store once", what, got)
	}
	if !public && !strings.Contains(r.Header().Get("Vary"), "Cookie") {
		t.Errorf("%s: Vary is %q", what, r.Header().Get("Vary"))
	}
	if len(r.Header().Get("X-Request-Id")) != 16 {
		t.Errorf("%s: no request id", what)
	}
	if r.Body.Len() > 0 && r.Header().Get("Content-Type") == "" {
		t.Errorf("%s: a body without a type", what)
	}
	for _, c := range r.Result().Cookies() {
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: cookie %s is not safe: %s", what, c.Name, c)
		}
	}
}

func TestHeadersOnEveryRouteErrorsIncluded(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("root1", user.RoleAdmin)
	walkRoutes(t, w.Server, func(method, pattern string) {
		for who, c := range map[string]*client{"stranger": w.client(), "user": w.loggedIn("alice"), "admin": w.loggedIn("root1")} {
			target := fill(pattern, w.loggedIn("alice").session(), "alice")
			wantSafeHeaders(t, method+" "+pattern+" as "+who, c.do(method, target, strings.NewReader("")))
			w.Enable(t, "alice")
		}
	})
	c := w.client()
	wantSafeHeaders(t, "404", c.get("/nothing"))
	wantSafeHeaders(t, "405", c.do("PUT", "/login", nil))
	wantSafeHeaders(t, "413", c.do("POST", "/login", strings.NewReader("username="+strings.Repeat("x", maxBody))))
	wantSafeHeaders(t, "400", c.do("POST", "/login", strings.NewReader("%zz")))
	c.header.Set("Origin", "https://evil.example")
	wantSafeHeaders(t, "403 of another origin", c.post("/login"))
}

// Enable undoes what the administrator of a walk has done.
func (w *world) Enable(t *testing.T, name string) {
	t.Helper()
	u, err := w.UserStore.ByLogin(t.Context(), name)
	must(t, err)
	must(t, w.UserStore.Enable(t.Context(), u.ID, user.Change{At: w.Now()}))
}

func TestStrictTransportSecurityOnlyOverHTTPS(t *testing.T) {
	w := newWorld(t)
	if got := w.client().get("/login").Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("over http: %q", got)
	}
	w = newWorld(t, func(c *Config) { c.PublicURL.Scheme, c.PublicURL.Host = "https", "id.example" })
	if got := w.client().get("/nothing").Header().Get("Strict-Transport-Security"); got == "" {
		t.Error("over https: none")
	}
}

func TestStaticFilesAreImmutable(t *testing.T) {
	w := newWorld(t)
	for _, u := range w.assets.urls {
		r := w.client().get(u)
		wantStatus(t, r, http.StatusOK)
		if got := r.Header().Values("Cache-Control"); len(got) != 1 || !strings.Contains(got[0], "immutable") {
			t.Errorf("%s: Cache-Control %q", u, got)
		}
		if r.Header().Get("Vary") != "" {
			t.Errorf("%s varies by %q: caches would keep one per cookie", u, r.Header().Get("Vary"))
		}
		if r.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", u)
		}
	}
}

// The values of the headers are shared by all answers: what a handler does to
// its own must not be seen in the next.
func TestSharedHeadersStayAsTheyAre(t *testing.T) {
	w := newWorld(t)
	change := w.headers(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		for name := range rw.Header() {
			rw.Header().Add(name, "more")
			rw.Header().Set(name, "other")
			rw.Header().Add(name, "more")
		}
		rw.Header().Del("Vary")
	}))
	change.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	r := httptest.NewRecorder()
	w.begin(w.headers(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {}))).ServeHTTP(r, httptest.NewRequest("GET", "/", nil))
	wantSafeHeaders(t, "the next answer", r)
}
