package main

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The browsers that people of these tests use.
const (
	chromeOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	safariOniPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"
)

// look is what a browser tells about itself and its owner.
type look struct {
	language  string // "ko" or "en"; empty: en
	userAgent string // empty: Chrome on Windows
	noScript  bool   // scripts are disabled
	cut       bool   // something on the way may cut connections
}

// tab is a browser with one tab and cookies of its own. What must not happen
// in any page of ours fails the test whose tab it is.
type tab struct {
	t    testing.TB
	ctx  context.Context
	site string // scheme, host and port of the program
}

// openTab opens a new profile in the browser that ctx belongs to.
func openTab(t testing.TB, ctx context.Context, n *node, l look) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	b := &tab{t: t, ctx: ctx}
	b.on(n)
	b.do() // opens it, which must not be timed: see chromedp.NewContext
	watchPages(b, l.cut)
	if l.language == "" {
		l.language = "en"
	}
	if l.userAgent == "" {
		l.userAgent = chromeOnWindows
	}
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: l.userAgent, AcceptLanguage: l.language})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript})
	return b
}

// on goes on with n: cookies do not depend on the port, so that nodes look like
// one site to a browser, as they do behind a proxy.
func (b *tab) on(n *node) *tab {
	b.site = strings.Replace(n.url, "127.0.0.1", "localhost", 1)
	return b
}

// do runs steps and fails the test if one fails or never ends.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx := b.ctx
	if len(steps) > 0 {
		timed, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		ctx = timed
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("browser at %s: %v", b.site, err)
	}
}

// call sends one command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// eval returns what a script sees in the page. It works with scripts disabled
// and in spite of the Content-Security-Policy, as the developer tools do.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script[:min(len(script), 200)], err)
	}
	return v
}

// open types an address.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.site + path))
	b.settle()
}

// settle waits until a page that has just loaded has put the focus where it
// asks for it, which browsers do when they first draw it.
func (b *tab) settle() {
	b.t.Helper()
	eventually(b.t, "the page has the focus where it wants it", func() bool {
		return eval[bool](b, "!document.querySelector('[autofocus]') || document.activeElement !== document.body")
	})
}

// follow does what leads to another page and waits until that is there.
func (b *tab) follow(trigger chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, trigger)); err != nil {
		b.t.Fatalf("nothing follows at %s: %v\n%s", b.at(), err, b.text())
	}
	b.settle()
}

// click clicks what leads to another page.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.follow(chromedp.Click(chromedp.CSS(selector)))
}

// press sends keys to whatever has the focus.
func (b *tab) press(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }

// fill types into the fields of a form, "name=value", and presses its button.
func (b *tab) fill(form string, fields ...string) {
	b.t.Helper()
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		b.do(chromedp.SendKeys(chromedp.CSS("#"+form+" [name="+name+"]"), value))
	}
	b.click("#" + form + " button:not([type=button])")
}

// at returns path and query of the page.
func (b *tab) at() string {
	b.t.Helper()
	u, err := url.Parse(eval[string](b, "location.href"))
	if err != nil {
		b.t.Fatal(err)
	}
	return u.RequestURI()
}

// is fails the test unless the tab shows the page of that name and address; an
// empty address is any.
func (b *tab) is(name, address string) {
	b.t.Helper()
	got := eval[string](b, "document.body.dataset.page || ''")
	if at := b.at(); got != name || address != "" && at != address {
		b.t.Fatalf("the browser shows %q at %s, want %q at %s:\n%s", got, at, name, address, b.text())
	}
}

// text returns what is to be read in the page.
func (b *tab) text() string { b.t.Helper(); return eval[string](b, "document.body.innerText") }

// reads fails the test unless the page contains all of that.
func (b *tab) reads(texts ...string) {
	b.t.Helper()
	page := b.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.t.Errorf("%s does not read %q:\n%s", b.at(), text, page)
		}
	}
}

// count returns how many elements of the page match selector.
func (b *tab) count(selector string) int {
	b.t.Helper()
	return eval[int](b, "document.querySelectorAll(`"+selector+"`).length")
}

// attribute returns an attribute of the element that selector selects.
func (b *tab) attribute(selector, name string) string {
	b.t.Helper()
	return eval[string](b, "document.querySelector(`"+selector+"`).getAttribute('"+name+"') || ''")
}

// back presses Back and waits until the page that is shown then is the one of
// that name. Whatever is shown on the way must not contain any of private.
func (b *tab) back(name string, private ...string) {
	b.t.Helper()
	history := call(b, page.GetNavigationHistory, cdp.Empty{})
	if history.CurrentIndex == 0 {
		b.t.Fatal("there is nothing to go back to")
	}
	left := history.Entries[history.CurrentIndex].ID
	call(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})
	eventually(b.t, "Back shows "+name, func() bool {
		// Between two pages there is nothing to look at.
		shown, err := chromedp.Run(b.ctx, chromedp.Evaluate[struct{ Page, Text, State string }](
			"({Page: document.body?.dataset.page ?? '', Text: document.body?.checkVisibility() ? document.body.innerText : '', State: document.readyState})"))
		if err != nil {
			return false
		}
		for _, p := range private {
			if strings.Contains(shown.Text, p) {
				b.t.Fatalf("Back shows %q:\n%s", p, shown.Text)
			}
		}
		now, err := chromedp.Call(b.ctx, page.GetNavigationHistory, cdp.Empty{})
		return err == nil && now.Entries[now.CurrentIndex].ID != left && shown.State == "complete" && shown.Page == name
	})
	b.settle()
}

// carry gives the browser the session of c, as if it had logged in here.
func (b *tab) carry(c *client) {
	b.t.Helper()
	yes := true
	call(b, network.SetCookie, network.SetCookieParams{
		Name: sessionCookie, Value: c.token(), URL: b.site, Path: "/",
		Secure: &yes, HTTPOnly: &yes, SameSite: network.CookieSameSiteLax,
	})
}

// scheme makes the browser's owner prefer "light" or "dark" pages, and no
// animations, which would be caught half-way.
func (b *tab) scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// size gives the window that size in CSS pixels.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1,
	})
}
