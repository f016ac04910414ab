package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv/browser"
)

// The pictures of the README are taken by every run, so that they can be taken
// when somebody wants new ones; this says where to keep them.
var screenshots = flag.String("screenshots", "", "keep the pictures of the README in this `folder`")

// maxPicture bounds the size of a picture: a README is read over slow lines.
const maxPicture = 150 << 10

// shot is one picture.
type shot struct {
	name, path       string
	scheme, language string
	width, height    int64
}

// shots are the pictures of the README.
func shots() []shot {
	var all []shot
	for _, p := range []shot{
		{name: "login", path: "/login", height: 720},
		{name: "mypage", path: "/mypage", height: 1090},
		{name: "admin-sessions", path: "/admin/sessions", height: 900},
	} {
		p.width = 1280
		for _, v := range []struct{ suffix, scheme, language string }{
			{"-light", "light", "en"},
			{"-dark", "dark", "en"},
			{"-light-ko", "light", "ko"},
		} {
			all = append(all, shot{p.name + v.suffix, p.path, v.scheme, v.language, p.width, p.height})
		}
	}
	return all
}

func TestBrowserScreenshots(t *testing.T) {
	t.Parallel()
	dir := *screenshots
	if dir == "" {
		dir = t.TempDir()
	}
	chromium := browser.New(t)
	for _, language := range []string{"en", "ko"} {
		s := embedded(t).with("GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1")
		settle(t, s, townsfolk())
		n := startNode(t, s)
		visitors := map[string]*tab{} // by page
		for _, p := range shots() {
			if p.language != language {
				continue
			}
			b := visitors[p.path]
			if b == nil {
				b = openTab(t, chromium, n, look{language: language})
				visitors[p.path] = b
				call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Seoul"})
				arrive(b, p.path)
			}
			b.scheme(p.scheme)
			b.size(p.width, p.height)
			b.open(p.path)
			picture(t, b, filepath.Join(dir, p.name+".png"))
		}
	}
}

// arrive logs in whoever may see the page, once.
func arrive(b *tab, path string) {
	b.t.Helper()
	who := map[string]struct{ name, ip string }{
		"/mypage":         {"mina", "192.0.2.44"},
		"/admin/sessions": {"soyeon", "192.0.2.15"},
	}[path]
	if who.name == "" {
		return
	}
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": who.ip}})
	b.open("/login")
	b.fill("login-form", "username="+who.name, "password="+password)
	b.is("mypage", "/mypage")
}

func picture(t *testing.T, b *tab, path string) {
	t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	check(t, err)
	if len(png) > maxPicture {
		t.Errorf("%s has %d bytes, more than %d", filepath.Base(path), len(png), maxPicture)
	}
	check(t, os.WriteFile(path, png, 0o644))
}
