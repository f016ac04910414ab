package server

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func TestStaticFiles(t *testing.T) {
	_, assets := testViews(t)
	hashed := regexp.MustCompile(`^/static/[a-z.]+\.[0-9a-f]{12}\.(css|js|svg|txt)$`)
	for _, name := range []string{"app.css", "app.js", "pico.classless.min.css", "favicon.svg", "licences.txt"} {
		url, err := assets.url(name)
		if err != nil {
			t.Fatal(err)
		}
		if !hashed.MatchString(url) {
			t.Errorf("%s is at %s", name, url)
		}
		w := httptest.NewRecorder()
		assets.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", url, w.Code)
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", url, got)
		}
		if got, want := w.Header().Get("Content-Type"), staticTypes[path.Ext(name)]; got != want {
			t.Errorf("%s: Content-Type %q, want %q", url, got, want)
		}
		want, err := fs.ReadFile(webDir(t, "static"), name)
		if err != nil || w.Body.String() != string(want) {
			t.Errorf("%s: not the file (%v)", url, err)
		}
	}
}

func TestStaticServesNothingElse(t *testing.T) {
	_, assets := testViews(t)
	for _, target := range []string{"/static/", "/static/app.css", "/static/app.000000000000.css", "/static/../web.go", "/static/%2e%2e/layout.html"} {
		w := httptest.NewRecorder()
		assets.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
		if got := w.Header().Get("Cache-Control"); strings.Contains(got, "immutable") {
			t.Errorf("%s: %q would stay for ever", target, got)
		}
	}
	if _, err := assets.url("gone.css"); err == nil {
		t.Error("a file that does not exist has an address")
	}
}

func TestStaticNamesFollowTheContent(t *testing.T) {
	urls := map[string]bool{}
	for _, body := range []string{"a{}", "b{}"} {
		s, err := newStatic(fstest.MapFS{"app.css": {Data: []byte(body)}})
		if err != nil {
			t.Fatal(err)
		}
		url, err := s.url("app.css")
		if err != nil {
			t.Fatal(err)
		}
		urls[url] = true
	}
	if len(urls) != 2 {
		t.Error("another content has the same name")
	}
	if _, err := newStatic(fstest.MapFS{"page.exe": {}}); err == nil {
		t.Error("a file of unknown type is accepted")
	}
}

// TestStaticStaysAtHome: nothing that pages load asks another host for anything.
func TestStaticStaysAtHome(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?:url\(["']?|@import|\bimport\s*\(?["']|\bfrom\s+["'])\s*(?:https?:)?//`)
	for _, name := range []string{"app.css", "app.js", "pico.classless.min.css", "favicon.svg"} {
		body, err := fs.ReadFile(webDir(t, "static"), name)
		if err != nil {
			t.Fatal(err)
		}
		if m := elsewhere.Find(body); m != nil {
			t.Errorf("%s: %s", name, m)
		}
		if strings.Contains(string(body), "@font-face") {
			t.Errorf("%s brings a font", name)
		}
	}
}
