package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv/browser"
)

// appPage serves the page of an app at another origin, by the name host. Its
// script send(path, options) answers with status, body and what else it can read,
// or with the kind of error that the browser makes of what a page may not read.
func appPage(t *testing.T, host string) (origin string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><title>an app</title><script>
			const send = async (path, options) => {
				try {
					const r = await fetch(path, options), body = await r.text();
					return [r.status || r.type, r.headers.get("X-Request-Id") ? "id" : "", body].join(" ");
				} catch (e) { return e.name }
			};
			const json = (body, options) => ({method: "POST", body: JSON.stringify(body), ...options, headers: {"Content-Type": "application/json"}});
			let tokens;
		</script>`)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", host, 1)
}

// Pages of listed origins use the API with tokens, in a browser in which somebody
// is logged in at Gatehouse; those of other origins do not, and none of them gets
// anywhere by that person's cookie.
func TestBrowserCORS(t *testing.T) {
	t.Parallel()
	sameSite, crossSite, unlisted := appPage(t, "localhost"), appPage(t, "127.0.0.1"), appPage(t, "localhost")
	n := startNode(t, embedded(t).with("GATEHOUSE_CORS_ORIGINS", sameSite+","+crossSite))
	newClient(t).signUp(n, "kim")
	b := &tab{t: t, ctx: browser.New(t)} // not watched: the browser complains in the console
	b.on(n).do()
	b.open("/login")
	b.fill("login-form", "username=kim", "password="+password)
	b.is("mypage", "/mypage")
	visit := func(origin string) { t.Helper(); b.do(chromedp.Navigate(origin)) }
	says := func(origin, want, script string) string {
		t.Helper()
		got := eval[string](b, fmt.Sprintf("(async (site) => { %s })(%q)", script, b.site))
		if !strings.HasPrefix(got, want) {
			t.Errorf("from %s, %s:\n%s\nwant %q", origin, script, got, want)
		}
		return got
	}
	logIn := fmt.Sprintf(`json({username: "kim", password: %q, carrier: "bearer", client: "an app"})`, password)

	for _, origin := range []string{sameSite, crossSite} {
		visit(origin)
		says(origin, `200 id {`, `return send(site + "/api/v1/openapi.json")`)
		says(origin, `401 id {"type":"/problems/unauthorized"`, `return send(site + "/api/v1/me")`) // the cookie does not come along
		says(origin, `401 id {"type":"/problems/credentials"`, `return send(site + "/api/v1/login", json({username: "kim", password: "wrong", carrier: "bearer"}))`)
		says(origin, `in`, `tokens = JSON.parse((await send(site + "/api/v1/login", `+logIn+`)).slice(7)); return tokens.access_token ? "in" : "out"`)
		me := says(origin, `200 id {`, `return send(site + "/api/v1/me", {headers: {Authorization: "Bearer " + tokens.access_token}})`)
		if !strings.Contains(me, `"username":"kim"`) {
			t.Errorf("from %s: %s", origin, me)
		}
		says(origin, `in`, `tokens = JSON.parse((await send(site + "/api/v1/refresh", json({refresh_token: tokens.refresh_token}))).slice(7)); return tokens.access_token ? "in" : "out"`)
		code, _, stderr := n.command(t, "", "session", "end", "--id="+eval[string](b, "tokens.session_id"))
		if code != exitOK {
			t.Fatal(stderr)
		}
		says(origin, `401 id {"type":"/problems/session-ended"`, `return send(site + "/api/v1/me", {headers: {Authorization: "Bearer " + tokens.access_token}})`)
	}
	for _, origin := range []string{sameSite, crossSite, unlisted} {
		visit(origin)
		// With cookies nothing can be read. What asks for no leave is sent, and
		// changes nothing.
		says(origin, `TypeError`, `return send(site + "/api/v1/me", {credentials: "include"})`)
		says(origin, `TypeError`, `return send(site + "/api/v1/login", `+strings.Replace(logIn, `"})`, `"}, {credentials: "include"})`, 1)+`)`)
		for _, path := range []string{"/api/v1/logout", "/api/v1/sessions/end-others", "/logout"} {
			says(origin, `TypeError`, `return send(site + "`+path+`", {method: "POST", mode: "no-cors", credentials: "include"})`)
		}
		// Beside the API there is nothing to read.
		for _, path := range []string{"/login", "/mypage", "/healthz", "/.well-known/jwks.json", "/.well-known/change-password"} {
			says(origin, `TypeError`, `return send(site + "`+path+`")`)
		}
		says(origin, `TypeError`, `return send(site + "/oauth/introspect", {method: "POST", headers: {Authorization: "Basic YTpi"}})`)
	}
	visit(unlisted)
	says(unlisted, `TypeError`, `return send(site + "/api/v1/openapi.json")`)
	says(unlisted, `TypeError`, `return send(site + "/api/v1/login", `+logIn+`)`)
	says(unlisted, `TypeError`, `return send(site + "/api/v1/me", {headers: {Authorization: "Bearer x"}})`)
	refused := func() int { return strings.Count(n.stderr.String(), " method=POST route=- status=403 ") }
	// Of nine sent, for two the browser keeps the cookie to itself, and the server
	// has nobody to do it for.
	eventually(t, "seven requests that have reached the server and were refused are in the log", func() bool { return refused() >= 7 })
	time.Sleep(2 * logDelay) // and no more are on their way into it
	if got := refused(); got != 7 {
		t.Errorf("%d of 7 requests have reached the server and were refused\n%s", got, n.stderr)
	}
	b.open("/mypage") // still in
	b.is("mypage", "/mypage")
	if got := b.count("[data-session]"); got != 2 { // and the one of the sign-up
		t.Errorf("%d sessions, want 2:\n%s", got, b.text())
	}
}
