package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gatehouse/internal/testenv/browser"
)

// What people do with the product, done in a real browser. The parts of this
// test run side by side, each with profiles of its own.
func TestBrowser(t *testing.T) {
	t.Parallel()
	chromium := browser.New(t)
	for name, run := range map[string]struct {
		settings func(testing.TB) settings
		nodes    int
		look     look
	}{
		"story":                         {embedded, 1, look{}},
		"story with scripts disabled":   {embedded, 1, look{noScript: true}},
		"the same in Korean":            {embedded, 1, look{noScript: true, language: "ko"}},
		"story on Redis and PostgreSQL": {shared, 2, look{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run.settings(t)
			first := startNode(t, s)
			other := first
			if run.nodes > 1 {
				other = startNode(t, s)
			}
			story(t, chromium, first, other, run.look)
		})
	}
	for name, test := range map[string]func(*testing.T, context.Context, *node){
		"language":      testLanguage,
		"show password": testShowPassword,
		"keyboard":      testKeyboard,
		"cookies":       testCookies,
		"watch":         testWatch,
		"back":          testBackOnKeptPage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, embedded(t))
			newClient(t).signUp(n, "kim")
			test(t, chromium, n)
		})
	}
}

// story is the product from the first start on: an administrator, a person with
// two devices, and an end that counts at once. The second device and the
// administrator's ends go to the other node.
func story(t *testing.T, chromium context.Context, first, other *node, l look) {
	admin, desktop, phone := openTab(t, chromium, first, l), openTab(t, chromium, first, l), openTab(t, chromium, other, look{
		language: l.language, noScript: l.noScript, userAgent: safariOniPhone,
	})

	// The link of the first start makes the administrator.
	admin.open("/setup?code=" + first.setupCode())
	admin.is("setup", "")
	admin.fill("setup-form", "username=admin", "password="+password)
	admin.is("mypage", "/mypage")

	// Sign up, log out. Back shows nothing.
	private := []string{"kim@example.com", "Kim Minseo", "Chrome · Windows"}
	desktop.open("/mypage")
	desktop.is("login", "/login?next=%2Fmypage")
	desktop.click("a[href='/signup']")
	desktop.fill("signup-form", "username=kim", "password="+password, "name=Kim Minseo", "email=kim@example.com")
	desktop.is("mypage", "/mypage")
	desktop.reads(private...)
	desktop.click("#logout-form button")
	desktop.is("login", "/login?ended=logout")
	if reason := desktop.attribute("#notice", "data-reason"); reason != "logout" {
		t.Errorf("the log-in page gives the reason %q", reason)
	}
	desktop.back("login", private...)

	// A wrong password, then the right one, on two devices.
	desktop.open("/login")
	desktop.fill("login-form", "username=kim", "password=not the password")
	desktop.is("login", "/login")
	if desktop.count("#error-summary[role=alert]") != 1 || eval[string](desktop, "document.activeElement.id") != "error-summary" {
		t.Error("the error summary does not have the focus")
	}
	if got := eval[string](desktop, "username.value + password.value"); got != "kim" {
		t.Errorf("after an error the form holds %q", got)
	}
	desktop.fill("login-form", "password="+password)
	desktop.is("mypage", "/mypage")
	if desktop.count(".activity li") != 5 || desktop.count(".activity .badge") != 0 {
		t.Errorf("not the five things that the person did alone:\n%s", desktop.text())
	}
	phone.open("/login")
	phone.fill("login-form", "username=kim@example.com", "password="+password)
	phone.is("mypage", "/mypage")
	desktop.open("/mypage")
	if n := desktop.count("[data-session]"); n != 2 {
		t.Fatalf("%d devices, want 2:\n%s", n, desktop.text())
	}
	if first := eval[string](desktop, "document.querySelector('[data-session]').innerText"); !strings.Contains(first, "Chrome · Windows") ||
		desktop.count("[data-session]:first-child[data-current]") != 1 {
		t.Errorf("this device is not the first: %s", first)
	}
	desktop.reads("Safari · iOS")
	onPhone := desktop.attribute("[data-session]:not([data-current])", "data-session")
	phone.reads("Chrome · Windows")

	// The administrator ends one of them.
	admin.on(other).open("/admin/sessions?q=kim")
	admin.click("[data-session='" + onPhone + "'] a[href$='/end']")
	admin.is("confirm", "/admin/sessions/"+onPhone+"/end")
	admin.reads("kim", "Safari · iOS")
	if tag := eval[string](admin, "document.activeElement.innerText"); tag != eval[string](admin, "document.querySelector('#confirm-form a').innerText") {
		t.Errorf("the focus is on %q, not on the way back", tag)
	}
	admin.fill("confirm-form", "reason=left in a taxi")
	admin.is("admin_sessions", "/admin/sessions")
	if admin.count("#flash") != 1 || admin.count("[data-session='"+onPhone+"']") != 0 {
		t.Errorf("no receipt, or the session is still there:\n%s", admin.text())
	}

	// The page says so by itself, or the next click; the other device is not hit.
	phone.on(first)
	phone.putOut(l, private...)
	phone.is("login", "")
	if reason := phone.attribute("#notice", "data-reason"); reason != "forced" {
		t.Errorf("the log-in page gives the reason %q", reason)
	}
	phone.back("login", private...)
	desktop.open("/mypage")
	desktop.is("mypage", "/mypage")
	desktop.reads("left in a taxi")

	// Then all of them. A log-in leads back to where the click was going.
	admin.open("/admin/users")
	admin.click("[data-user=kim] a[href$='/end-sessions']")
	admin.fill("confirm-form")
	desktop.putOut(l, private...)
	desktop.fill("login-form", "username=kim", "password="+password)
	desktop.open("/mypage/password")

	// A new password puts everything else out.
	phone.open("/login")
	phone.fill("login-form", "username=kim", "password="+password)
	desktop.fill("password-form", "current="+password, "password=another kettle 99")
	desktop.is("mypage", "/mypage")
	if desktop.count("#flash") != 1 || desktop.count("[data-session]") != 1 {
		t.Errorf("no message, or the phone is still in:\n%s", desktop.text())
	}
	phone.open("/mypage")
	if reason := phone.attribute("#notice", "data-reason"); reason != "password" {
		t.Errorf("the log-in page gives the reason %q", reason)
	}
}

// putOut follows a tab whose session has been ended to the log-in page. With
// scripts the page covers itself and nothing private is left in it; without
// them the next click says what has happened.
func (b *tab) putOut(l look, private ...string) {
	b.t.Helper()
	if l.noScript {
		b.click("nav a[href='/mypage/password']")
		b.is("login", "/login?ended=forced&next=%2Fmypage%2Fpassword")
		return
	}
	b.covered("forced", private...)
	b.click("main a.button")
	b.is("login", "/login?ended=forced&next=%2Fmypage")
}

// covered waits until the page has covered itself for that reason.
func (b *tab) covered(reason string, private ...string) {
	b.t.Helper()
	eventually(b.t, "the page covers itself", func() bool {
		return eval[bool](b, "document.body.dataset.page === 'ended' && document.body.checkVisibility()")
	})
	if got := b.attribute("main", "data-reason"); got != reason {
		b.t.Errorf("the cover gives the reason %q, want %q", got, reason)
	}
	if !eval[bool](b, "document.activeElement === document.querySelector('h1') && document.title.startsWith(document.activeElement.innerText)") {
		b.t.Error("the heading of the cover does not have the focus, or is not the title")
	}
	left := eval[string](b, "document.documentElement.outerHTML")
	for _, p := range private {
		if strings.Contains(left, p) {
			b.t.Errorf("under the cover there is still %q", p)
		}
	}
}

// A chosen language stays, whatever the browser asks for.
func testLanguage(t *testing.T, chromium context.Context, n *node) {
	b := openTab(t, chromium, n, look{language: "ko"})
	lang := func(want string) {
		t.Helper()
		if got := eval[string](b, "document.documentElement.lang"); got != want {
			t.Fatalf("%s is in %q, want %q", b.at(), got, want)
		}
	}
	b.open("/login?next=%2Fmypage%2Fpassword")
	lang("ko")
	b.reads("로그인")
	b.click(".languages [value=en]")
	lang("en")
	b.is("login", "/login?next=%2Fmypage%2Fpassword")
	b.fill("login-form", "username=kim", "password="+password)
	b.is("password", "/mypage/password")
	lang("en")
	b.click(".languages [value=ko]")
	b.is("password", "/mypage/password")
	lang("ko")
	b.open("/no/such/page")
	lang("ko")
	b.click(".languages [value=en]")
	b.is("error", "/no/such/page")
	b.open("/mypage")
	b.click("#logout-form button")
	lang("en")
	again, closeTab := chromedp.NewContext(b.ctx) // another tab, opened later
	defer closeTab()
	another := &tab{t: t, ctx: again}
	another.on(n).do()
	another.open("/signup")
	if got := eval[string](another, "document.documentElement.lang"); got != "en" {
		t.Errorf("another tab is in %q", got)
	}
}

func testShowPassword(t *testing.T, chromium context.Context, n *node) {
	b := openTab(t, chromium, n, look{})
	b.open("/login")
	state := func(want string) {
		t.Helper()
		if got := eval[string](b, "password.type + ' ' + document.querySelector('[data-reveal]').ariaPressed + ' ' + password.value"); got != want {
			t.Errorf("the field is %q, want %q", got, want)
		}
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#password"), "kettle"))
	state("password false kettle")
	b.do(chromedp.Click(chromedp.CSS("[data-reveal=password]")))
	state("text true kettle")
	b.do(chromedp.Click(chromedp.CSS("[data-reveal=password]")))
	state("password false kettle")

	// Without scripts there is no button that does nothing.
	plain := openTab(t, chromium, n, look{noScript: true})
	plain.open("/login")
	if !eval[bool](plain, "document.querySelector('[data-reveal]').checkVisibility() === false") {
		t.Error("a button that needs a script is shown without one")
	}
}

// Everything can be reached and used with the keyboard, and it is to be seen
// where the focus is.
func testKeyboard(t *testing.T, chromium context.Context, n *node) {
	b := openTab(t, chromium, n, look{})
	b.scheme("light") // without animations
	b.open("/login")
	var way []string
	tabTo := func(selector string) {
		t.Helper()
		for range 30 {
			b.press(kb.Tab)
			seen := eval[struct {
				Name          string
				There, Marked bool
			}](b, `(() => {
				const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
				return {
					Name: e.id || e.name || e.className || e.innerText || e.tagName,
					There: e.matches("`+selector+`"),
					Marked: e.matches(":focus-visible") && r.width > 0 && r.left >= 0 && r.top >= 0 &&
						(s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 || s.boxShadow !== "none"),
				};
			})()`)
			way = append(way, seen.Name)
			if !seen.Marked {
				t.Errorf("it is not to be seen that %q has the focus", seen.Name)
			}
			if seen.There {
				return
			}
		}
		t.Fatalf("the Tab key does not lead to %s, only to %q", selector, way)
	}
	tabTo("a.skip")
	tabTo("#username")
	b.press("kim")
	tabTo("#password")
	b.press(password)
	tabTo("[data-reveal]")
	tabTo("#remember")
	b.press(" ")
	if !eval[bool](b, "remember.checked") {
		t.Error("Space does not tick the box")
	}
	tabTo("#login-form button:not([type])")
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.is("mypage", "/mypage")
	tabTo("nav a[href='/mypage/password']")
	b.follow(chromedp.KeyEvent(kb.Enter))
	tabTo("#current")
	b.press(password)
	tabTo("#password")
	b.press("another kettle 99")
	b.follow(chromedp.KeyEvent(kb.Enter)) // in the field itself
	b.is("mypage", "/mypage")
}

// The cookies as the browser keeps them.
func testCookies(t *testing.T, chromium context.Context, n *node) {
	for _, remember := range []bool{false, true} {
		b := openTab(t, chromium, n, look{})
		b.open("/login")
		b.click(".languages [value=en]")
		if remember {
			b.do(chromedp.Click(chromedp.CSS("#remember")))
		}
		b.fill("login-form", "username=kim", "password="+password)
		b.is("mypage", "/mypage")
		if visible := eval[string](b, "document.cookie"); visible != "" {
			t.Errorf("a script reads the cookies %q", visible)
		}
		kept := map[string]*network.Cookie{}
		for _, c := range call(b, network.GetCookies, network.GetCookiesParams{}).Cookies {
			kept[c.Name] = c
			if !c.HTTPOnly || !c.Secure || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Domain != "localhost" {
				t.Errorf("cookie %+v", c)
			}
		}
		if len(kept) != 3 || kept[sessionCookie] == nil || kept[deviceCookie] == nil || kept["lang"] == nil {
			t.Errorf("the browser keeps %v", kept)
		} else if kept[sessionCookie].Session == remember {
			t.Errorf("remember %v: %+v", remember, kept[sessionCookie])
		}
		b.click("#logout-form button")
		for _, c := range call(b, network.GetCookies, network.GetCookiesParams{}).Cookies {
			if c.Name == sessionCookie {
				t.Error("the session cookie is still there after log-out")
			}
		}
	}
}

// A page that the browser has kept alive asks the server before it shows itself
// again: here the session was ended elsewhere, so that no cookie has changed.
func testBackOnKeptPage(t *testing.T, chromium context.Context, n *node) {
	b := openTab(t, chromium, n, look{})
	b.open("/login")
	b.fill("login-form", "username=kim", "password="+password)
	b.open("/healthz") // leaves the page behind without asking anything
	newDevice := newClient(t)
	newDevice.logIn(n, "kim")
	newDevice.post(n, "/mypage/sessions/end-others").is(t, 303, "/mypage")
	b.back("login", "Chrome · Windows")
	if reason := b.attribute("#notice", "data-reason"); reason != "logout" {
		t.Errorf("the log-in page gives the reason %q", reason)
	}
}

// The watch that every tab of these tests has does see what must not happen.
func testWatch(t *testing.T, chromium context.Context, n *node) {
	inner := &tab{t: t, ctx: chromium}
	inner.ctx, _ = chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(func() { check(t, chromedp.Cancel(inner.ctx)) })
	inner.on(n).do()
	w := watchPages(inner, false)
	for what, script := range map[string]string{
		"inline style":     "document.body.setAttribute('style', 'color: red')",
		"inline script":    "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
		"foreign picture":  "document.body.append(Object.assign(new Image(), {src: 'http://gatehouse.example/'}))",
		"foreign request":  "fetch('http://gatehouse.example/').catch(() => 0)",
		"foreign page":     "location = 'http://gatehouse.example/'",
		"console":          "console.log('hello')",
		"error":            "setTimeout(() => { throw new Error('ours') })",
		"missing resource": "document.body.append(Object.assign(new Image(), {src: '/static/missing.svg'}))",
	} {
		inner.open("/login")
		w.take()
		eval[chromedp.Void](inner, script+"; undefined")
		eventually(t, "the watch notes: "+what, func() bool {
			call(inner, network.GetCookies, network.GetCookiesParams{})
			return len(w.take()) > 0
		})
	}
	inner.do(chromedp.Navigate("about:blank"))
	call(inner, network.Disable, cdp.Empty{})
	w.take()
}
