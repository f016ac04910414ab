package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/user"
)

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"/mypage":                       "/mypage",
		"/admin/sessions?q=a%20b&x=1":   "/admin/sessions?q=a%20b&x=1",
		"/":                             "/",
		"/a%2Fb":                        "/a%2Fb",
		"/mypage#fragment":              "/mypage",
		"":                              "",
		"mypage":                        "",
		"//evil.example":                "",
		"///evil.example":               "",
		`/\evil.example`:                "",
		`\\evil.example`:                "",
		"/%09/evil.example":             "",
		"/%5cevil.example":              "",
		"/%2F/evil.example":             "",
		"/\t/evil.example":              "",
		"/\r\nSet-Cookie: a=b":          "",
		"https://evil.example/":         "",
		"https:evil.example":            "",
		"javascript:alert(1)":           "",
		"http://localhost:8080/x":       "",
		"//user@evil.example":           "",
		"/login?next=/login":            "",
		"/logout":                       "",
		"/" + strings.Repeat("a", 3000): "",
		"/" + strings.Repeat("<", 1000): "", // 3,001 bytes when sent
	} {
		if got := localPath(next); got != want {
			t.Errorf("localPath(%.40q) = %q, want %q", next, got, want)
		}
	}
}

// Whatever is accepted stays, by the rules of browsers, on this site.
func FuzzNext(f *testing.F) {
	for _, next := range []string{"/mypage", "//evil", `/\evil`, "/%09/evil", "/a?b=//c", "/%2f%2fevil", "/;//x", "/./../..//evil"} {
		f.Add(next)
	}
	site, _ := url.Parse("https://id.example/login")
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if got == "" {
			return
		}
		// What browsers do before they parse: tabs and line breaks go, \ is /.
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got)
		u, err := site.Parse(seen)
		if err != nil || u.Scheme != "https" || u.Host != "id.example" || u.User != nil {
			t.Errorf("%q leads to %v (%v)", next, u, err)
		}
		if strings.HasPrefix(seen, "//") || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("%q became %q", next, got)
		}
		if again := localPath(got); again != got {
			t.Errorf("not stable: %q, then %q", got, again)
		}
	})
}

func TestLoginLeadsBackToWhereThePersonWas(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.client()
	r := c.get("/mypage/password?x=1")
	wantRedirect(t, r, "/login?next=%2Fmypage%2Fpassword%3Fx%3D1")
	r = c.get(r.Header().Get("Location"))
	wantText(t, r, `name="next"`)
	wantRedirect(t, c.post("/login", "username", "alice", "password", goodPassword, "next", "/mypage/password?x=1"), "/mypage/password?x=1")
	for _, evil := range []string{"//evil.example", "https://evil.example", `/\evil.example`} {
		wantRedirect(t, w.client().post("/login", "username", "alice", "password", goodPassword, "next", evil), "/mypage")
		wantRedirect(t, c.get("/login?next="+url.QueryEscape(evil)), "/mypage")
		wantRedirect(t, c.post("/language", "lang", "ko", "next", evil), "/")
	}
}

// Any Cookie header is answered, and only a live session's opens anything.
func FuzzCookieHeader(f *testing.F) {
	w := newWorld(f)
	for _, header := range []string{"", "__Host-session=", "__Host-session=" + strings.Repeat("A", 43), "a=b; __Host-session=x; __Host-session=y", "__Host-session=\"x\"", "lang=ko; __Host-device=AAAA", ";;;===", "\x00"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/mypage", nil)
		r.Header["Cookie"] = []string{header}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), "/login") {
			t.Errorf("Cookie %q: %d", header, rec.Code)
		}
	})
}

// Nobody but the named proxies says where a request comes from, and nothing in
// the header can break the address.
func FuzzXForwardedFor(f *testing.F) {
	for _, header := range []string{"", "203.0.113.9", "203.0.113.9, 10.0.0.1", "evil", "1.2.3.4:5", "[::1]", "::ffff:1.2.3.4", ",,,", "203.0.113.9\x00", "fe80::1%eth0"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for peer, trusted := range map[string]bool{"10.0.0.1:9": true, "192.0.2.66:9": false} {
			got := clientIPOf(t, peer, header)
			if !trusted && got != "192.0.2.66" {
				t.Errorf("a stranger claims %q and is taken for %q", header, got)
			}
			if trusted && got != "-" && strings.HasPrefix(got, "10.") {
				t.Errorf("%q: a proxy is taken for the client: %q", header, got)
			}
			if strings.ContainsAny(got, " ,\r\n\x00%") {
				t.Errorf("%q: address %q", header, got)
			}
		}
	})
}
