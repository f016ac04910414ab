package server

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Who meets a store that is away is led back to what was asked for, or told that
// a form may be sent again; and nowhere else, whatever the request claims.
func TestTryAgain(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	w.Sessions = session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now)
	w.cookies = session.NewCookies(w.Sessions, w.CookieName, w.Secure)
	const link = `<a class="button" href="`
	for _, one := range []struct{ method, target, referer, leads string }{
		{"GET", "/mypage", "", "/mypage"},
		{"GET", "/admin/sessions?q=a&page=2", "", "/admin/sessions?q=a&amp;page=2"},
		{"POST", "/mypage/password", publicURL + "/mypage/password", "/mypage/password"},
		{"POST", "/login", publicURL + "/login?next=%2Fadmin&ended=forced", "/login?next=%2Fadmin"},
		{"POST", "/login", publicURL + "/login?next=%2F%2Fevil.example", "/login"},
		{"POST", "/logout", publicURL + "/mypage", "/mypage"},
		{"POST", "/logout", "", "/"},
		{"POST", "/logout", "http://evil.example/mypage", "/"},
		{"POST", "/logout", "https://localhost:8080/mypage", "/"},
		{"POST", "/logout", publicURL + "//evil.example/", "/"},
		{"POST", "/logout", publicURL + "/logout", "/"},
		{"POST", "/logout", "%zz", "/"},
	} {
		c.header.Set("Referer", one.referer)
		r := c.do(one.method, one.target, strings.NewReader("username=alice&password="+goodPassword))
		wantStatus(t, r, http.StatusServiceUnavailable)
		body := r.Body.String()
		_, rest, _ := strings.Cut(body, link)
		if got, _, _ := strings.Cut(rest, `"`); got != one.leads {
			t.Errorf("%s %s from %q leads to %q, want %q", one.method, one.target, one.referer, got, one.leads)
		}
		if told := strings.Contains(body, "It does no harm to send it again"); told != (one.method == "POST") {
			t.Errorf("%s %s: told to send the form again: %v", one.method, one.target, told)
		}
		if doubt := strings.Contains(body, "What you sent may not have been done"); doubt != (one.method == "POST") {
			t.Errorf("%s %s: told that nothing may have been done: %v", one.method, one.target, doubt)
		}
		if strings.Contains(body, "evil.example") {
			t.Errorf("%s %s from %q: the page leads astray", one.method, one.target, one.referer)
		}
	}
}

// A password that has been changed is not to be changed once more.
func TestNotEverythingIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequest("POST", "/mypage/password", nil)
	must(t, err)
	for err, want := range map[error]*Again{
		errHalfPassword: nil, errForbidden: nil,
		session.ErrUnavailable: {Form: true, Unsure: true},
		// Their texts say what has been done: the page must not doubt it.
		user.ErrBusy: {Form: true}, session.ErrUnrecorded: {Form: true}, session.ErrUndone: {Form: true}, session.ErrUnfinished: {Form: true},
	} {
		if got := w.again(r, kindOf(err)); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v, want %+v", err, got, want)
		}
	}
}

// An address that is no page leaves somebody signed in the way on, and asks the
// store for nobody else.
func TestNoSuchPageKeepsTheNavigation(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	c := w.loggedIn("root1")
	for _, method := range []string{"GET", "PUT"} {
		for path, status := range map[string]int{"/no/such/page": http.StatusNotFound, "/admin/nothing": http.StatusNotFound, "/mypage": http.StatusOK} {
			if method == "PUT" && path == "/mypage" {
				status = http.StatusMethodNotAllowed
			}
			r := c.do(method, path, nil)
			wantStatus(t, r, status)
			wantText(t, r, `href="/admin/sessions"`)
			wantText(t, r, `id="logout-form"`)
		}
	}
	w.Sessions = session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now)
	w.cookies = session.NewCookies(w.Sessions, w.CookieName, w.Secure)
	for _, c := range []*client{w.client(), c} { // a store that is away takes this page from nobody
		r := c.get("/no/such/page")
		wantStatus(t, r, http.StatusNotFound)
		if strings.Contains(r.Body.String(), "logout-form") {
			t.Error("the navigation of somebody who is not known")
		}
	}
}

// An address breaks after its colons and is never anything but text.
func TestAddressesBreakBetweenGroups(t *testing.T) {
	if got := breakable(`2001:db8::1 <b>&:"`); got != `2001:<wbr>db8:<wbr>:<wbr>1 &lt;b&gt;&amp;:<wbr>&#34;` {
		t.Errorf("%s", got)
	}
}

// A long name breaks between its parts, and what is in it is text.
func TestNamesBreakBetweenTheirParts(t *testing.T) {
	if got := breakableName("a.b_c@d-e<i>"); got != "a.<wbr>b_<wbr>c@<wbr>d-e&lt;i&gt;" {
		t.Errorf("%s", got)
	}
}
