package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/user"
)

// origins are the combinations of Origin and Sec-Fetch-Site that a form can
// arrive with, and whether we take it.
var origins = []struct {
	name, origin, site string
	ok                 bool
}{
	{"our page in a current browser", publicURL, "same-origin", true},
	{"our page in an old browser", publicURL, "", true},
	{"typed into the address bar", "", "none", true},
	{"our page, origin hidden", "null", "same-origin", true},
	{"no browser (curl)", "", "", true},
	{"reached under the name in Host", "http://localhost:8080", "", true},
	{"another site", "https://evil.example", "cross-site", false},
	{"another site in an old browser", "https://evil.example", "", false},
	{"a sibling subdomain", "http://other.localhost:8080", "same-site", false},
	{"another port", "http://localhost:9090", "same-site", false},
	{"a sandboxed frame", "null", "cross-site", false},
	{"origin hidden in an old browser", "null", "", false},
	{"our name over the other scheme", "https://localhost:8080", "", false},
	{"headers that contradict each other", publicURL, "cross-site", false},
	{"and the other way round", "https://evil.example", "same-origin", false},
}

func TestEveryUnsafeRouteByOriginAndSecFetchSite(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("root1", user.RoleAdmin)
	walkRoutes(t, w.Server, func(method, pattern string) {
		if method == "GET" {
			return
		}
		for _, o := range origins {
			c := w.loggedIn("root1")
			victim := w.loggedIn("alice")
			if o.origin != "" {
				c.header.Set("Origin", o.origin)
			}
			if o.site != "" {
				c.header.Set("Sec-Fetch-Site", o.site)
			}
			r := c.do(method, fill(pattern, victim.session(), "alice"), strings.NewReader(""))
			if refused := r.Code == http.StatusForbidden; refused == o.ok {
				t.Errorf("%s %s from %s: %d", method, pattern, o.name, r.Code)
			}
			if !o.ok && victim.get("/mypage").Code != http.StatusOK {
				t.Errorf("%s %s from %s: refused, and done all the same", method, pattern, o.name)
			}
			w.Enable(t, "alice")
		}
	})
}

// Behind a proxy that rewrites Host the public URL is what browsers send.
func TestOriginBehindAProxyThatRewritesHost(t *testing.T) {
	check := newOriginCheck(&url.URL{Scheme: "https", Host: "id.example"})
	for origin, ok := range map[string]bool{
		"https://id.example":      true,
		"http://id.example":       false, // an attacker on the way to a page of the same name
		"http://10.0.0.7:8080":    true,  // reached directly
		"https://id.example.evil": false,
		"https://evil/id.example": false,
		"":                        true,
	} {
		r, err := http.NewRequest("POST", "http://10.0.0.7:8080/login", nil)
		must(t, err)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := check.allows(r); got != ok {
			t.Errorf("Origin %q: %v, want %v", origin, got, ok)
		}
	}
}
