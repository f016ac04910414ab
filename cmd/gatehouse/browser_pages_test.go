package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv"
	"gatehouse/internal/testenv/browser"
)

// Every page there is, in either language, is open to everybody: light or dark,
// on a screen of any width.
func TestBrowserEveryPage(t *testing.T) {
	t.Parallel()
	// Nobody goes back, so no page that was left needs to be kept alive.
	chromium := browser.New(t, chromedp.Flag("disable-back-forward-cache", true))
	for _, language := range []string{"ko", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			v := newTour(t, chromium, language)
			v.stops(func(s stop) {
				v.reflows(s)
				v.accessible(s)
			})
		})
	}
}

// tour leads through every page there is, in one language, each reached the way
// people reach it.
type tour struct {
	*testing.T
	chromium context.Context
	language string

	open    *node // the usual server, with people in it
	fresh   *node // one without an administrator, sign-up closed
	limited *node // one with limits
	full    *node // one where sora has as many devices as she may
	away    *node // one whose Redis can be taken away
	redis   *testenv.RedisProc

	stranger, user, admin *tab // profiles on open
}

// newTour starts what a tour needs.
func newTour(t *testing.T, chromium context.Context, language string) *tour {
	t.Helper()
	people := append(townsfolk(), crowd(30)...)
	v := &tour{T: t, chromium: chromium, language: language, redis: testenv.RedisServer(t)}
	s := embedded(t)
	settle(t, s, people)
	v.open = startNode(t, s)
	v.fresh = startNode(t, embedded(t).with("GATEHOUSE_SIGNUP", "closed"))
	v.limited = startNode(t, embedded(t).with("GATEHOUSE_RATE_LIMITS", "on"))
	v.full = startNode(t, embedded(t).with("GATEHOUSE_SESSIONS_PER_USER", "1"))
	newClient(t).signUp(v.full, "sora")
	s = embedded(t).with("GATEHOUSE_REDIS_URL", v.redis.URL())
	settle(t, s, people[:2])
	v.away = startNode(t, s)

	v.stranger, v.user, v.admin = v.visitor(v.open, ""), v.visitor(v.open, "mina"), v.visitor(v.open, "soyeon")
	return v
}

// visitor is a new browser, logged in as name if there is one.
func (v *tour) visitor(n *node, name string) *tab {
	v.Helper()
	b := openTab(v, v.chromium, n, look{language: v.language})
	b.scheme("light")
	if name != "" {
		c := newClient(v)
		c.logIn(n, name)
		b.carry(c)
	}
	return b
}

// send fills a form as fill does, at once and without the browser's own checks,
// which would keep mistakes from the server.
func (b *tab) send(form string, fields ...string) {
	b.t.Helper()
	script := "document.getElementById('" + form + "').noValidate = true;"
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		script += "document.querySelector(`#" + form + " [name=" + name + "]`).value = `" + value + "`;"
	}
	eval[chromedp.Void](b, script+"undefined")
	b.click("#" + form + " button:not([type=button])")
}

// stop is one page of a tour.
type stop struct {
	name string // of the page and, after a space, of its state
	by   *tab
}

// stops reaches every page in turn and calls look at it.
func (v *tour) stops(look func(stop)) {
	v.Helper()
	visit := func(by *tab, name string, reach func(*tab)) {
		v.Helper()
		reach(by)
		page, _, _ := strings.Cut(name, " ")
		by.is(page, "")
		look(stop{name, by})
	}
	at := func(path string) func(*tab) { return func(b *tab) { b.open(path) } }
	then := func(path, form string, fields ...string) func(*tab) {
		return func(b *tab) { b.open(path); b.send(form, fields...) }
	}

	visit(v.stranger, "login", at("/login"))
	for _, reason := range []string{"logout", "forced", "disabled"} {
		visit(v.stranger, "login ended="+reason, at("/login?ended="+reason))
	}
	visit(v.stranger, "login wrong", then("/login", "login-form", "username=mina", "password=not the password"))
	visit(v.stranger, "login empty", then("/login", "login-form"))
	visit(v.stranger, "signup", at("/signup"))
	visit(v.stranger, "signup wrong", then("/signup", "signup-form", "username=-", "password=12345", "email=nobody", "name="+strings.Repeat("n", 65)))
	visit(v.stranger, "error 404", at("/no/such/page"))
	visit(v.stranger.on(v.fresh), "signup closed", at("/signup"))
	visit(v.stranger, "error 403 set-up", at("/setup?code=wrong"))
	visit(v.stranger, "setup", at("/setup?code="+v.fresh.setupCode()))
	visit(v.stranger, "setup wrong", then("/setup?code="+v.fresh.setupCode(), "setup-form", "username=mina", "password=mina1234"))
	visit(v.stranger.on(v.full), "limit", then("/login", "login-form", "username=sora", "password="+password))
	visit(v.stranger, "limit wrong", func(b *tab) {
		eval[chromedp.Void](b, "document.querySelector('#limit-form [name=end]').checked = false; undefined")
		b.click("#limit-form button")
	})
	v.stranger.on(v.limited)
	for v.stranger.open("/login"); !eval[bool](v.stranger, "performance.getEntriesByType('navigation')[0].responseStatus === 429"); {
		v.stranger.send("login-form", "username=mina", "password=not the password")
	}
	visit(v.stranger, "login 429", func(*tab) {})

	visit(v.user, "mypage", at("/mypage"))
	visit(v.user, "password", at("/mypage/password"))
	visit(v.user, "password wrong", then("/mypage/password", "password-form", "current=x", "password=mina"))
	visit(v.user, "error 403", at("/admin/sessions"))
	visit(v.user, "error 404 signed in", at("/no/such/page"))
	v.keepsNavigation(v.user)

	visit(v.admin, "admin_sessions", at("/admin/sessions"))
	visit(v.admin, "admin_sessions found", at("/admin/sessions?q=mina"))
	visit(v.admin, "admin_sessions none", at("/admin/sessions?q=nobody"))
	visit(v.admin, "confirm everyone", at("/admin/sessions/end?everyone=yes"))
	visit(v.admin, "admin_audit", at("/admin/audit"))
	visit(v.admin, "admin_audit none", at("/admin/audit?q=nobody"))
	visit(v.admin, "admin_audit wrong", at("/admin/audit?q=192.0.2.0/33"))
	visit(v.admin, "admin_users", at("/admin/users"))
	visit(v.admin, "admin_users 2", at("/admin/users?page=2"))
	visit(v.admin, "admin_users found", at("/admin/users?q=vanden"))
	visit(v.admin, "admin_users none", at("/admin/users?q=nobody"))
	for _, action := range []string{"mina/end-sessions", "soyeon/end-sessions", "mina/disable", "former/enable", "mina/role?role=admin", "soyeon/role?role=user"} {
		visit(v.admin, "confirm "+action, at("/admin/users/"+action))
	}
	visit(v.admin, "error 409", then("/admin/users/soyeon/disable", "confirm-form"))
	endOf := func(who string) func(*tab) {
		return func(b *tab) {
			b.open("/admin/sessions?q=" + who)
			b.click("[data-session] .act a")
		}
	}
	visit(v.admin, "confirm end self", endOf("soyeon"))
	visit(v.admin, "confirm end", endOf("haruto"))
	visit(v.admin, "admin_sessions receipt", func(b *tab) { b.send("confirm-form", "reason=tour") })

	lost, posting := v.visitor(v.away, "mina"), v.visitor(v.away, "mina")
	posting.open("/mypage/password")
	v.redis.Kill()
	visit(lost, "error 503", at("/mypage"))
	visit(posting, "error 503 posted", func(b *tab) { b.send("password-form", "current=x", "password=another kettle 99") })
	v.redis.Start()
	v.triesAgain(lost, "mypage", "/mypage")
	v.triesAgain(posting, "password", "/mypage/password")
}

// keepsNavigation fails the test unless the page that b shows leads on to where
// its person may go.
func (v *tour) keepsNavigation(b *tab) {
	v.Helper()
	if b.count("header nav a[href='/mypage']") != 1 || b.count("#logout-form") != 1 {
		v.Errorf("%s leaves somebody signed in without a way on:\n%s", b.at(), b.text())
	}
}

// triesAgain presses the button of a 503 page until the store is back and the
// page there.
func (v *tour) triesAgain(b *tab, name, address string) {
	v.Helper()
	eventually(v, "Try again leads to "+name, func() bool {
		if eval[string](b, "document.body.dataset.page") == "error" {
			b.click("main a.button:not(.quiet)")
		}
		return eval[string](b, "document.body.dataset.page") == name
	})
	b.is(name, address)
}
