package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func TestSignUpMyPageLogOut(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	wantRedirect(t, c.get("/"), "/login")
	wantRedirect(t, c.post("/signup", "username", "Alice", "password", goodPassword, "name", "앨리스 <b>", "email", "Alice@Example.com"), "/mypage")
	r := c.get("/mypage")
	wantStatus(t, r, http.StatusOK)
	wantText(t, r, "alice")
	wantText(t, r, "앨리스 &lt;b&gt;")
	if strings.Contains(r.Body.String(), "<b>") {
		t.Error("a name is markup")
	}
	wantRedirect(t, c.get("/"), "/mypage")
	wantRedirect(t, c.get("/login?next=/mypage/password"), "/mypage/password")
	token := c.cookies["__Host-session"]
	wantRedirect(t, c.post("/logout"), "/login?ended=logout")
	if c.cookies["__Host-session"] != nil {
		t.Error("the cookie stays after log-out")
	}
	c.cookies["__Host-session"] = token // a copy made before
	wantRedirect(t, c.get("/mypage"), "/login?ended=logout&next=%2Fmypage")
	wantRedirect(t, c.post("/logout"), "/login?ended=logout") // harmless again
	// By e-mail address, any case.
	wantRedirect(t, c.post("/login", "username", "aLICE@example.com", "password", goodPassword), "/mypage")
}

func TestSubmittingTheSignUpFormTwiceIsHarmless(t *testing.T) {
	w := newWorld(t)
	form := []string{"username", "alice", "password", goodPassword}
	first, second := w.client(), w.client() // the second press leaves before the first answer is there
	wantRedirect(t, first.post("/signup", form...), "/mypage")
	wantRedirect(t, second.post("/signup", form...), "/mypage")
	other := w.client().post("/signup", "username", "alice", "password", "another good password 7")
	wantStatus(t, other, http.StatusUnprocessableEntity)
	w.clock.advance(2 * time.Minute)
	wantStatus(t, w.client().post("/signup", form...), http.StatusUnprocessableEntity)
}

func TestWrongInputLosesNothingTyped(t *testing.T) {
	w := newWorld(t)
	r := w.client().post("/signup", "username", "a", "password", "secret-typed-1", "name", "Ann", "email", "no address")
	wantStatus(t, r, http.StatusUnprocessableEntity)
	for _, kept := range []string{`value="a"`, `value="Ann"`, `value="no address"`, `role="alert"`, "Error: "} {
		wantText(t, r, kept)
	}
	if strings.Contains(r.Body.String(), "secret-typed-1") {
		t.Error("the password comes back in the page")
	}
	w.account("alice", user.RoleUser)
	r = w.client().post("/login", "username", "alice", "password", "secret-typed-2", "remember", "on", "next", "/mypage/password")
	wantStatus(t, r, http.StatusUnauthorized)
	for _, kept := range []string{`value="alice"`, `value="/mypage/password"`, "checked"} {
		wantText(t, r, kept)
	}
	if strings.Contains(r.Body.String(), "secret-typed-2") {
		t.Error("the password comes back in the page")
	}
}

// Unknown user, wrong password and disabled account look the same.
func TestOneAnswerToEveryFailedLogin(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	shut := w.account("bobby", user.RoleUser)
	_, err := w.UserStore.Disable(context.Background(), shut.ID, user.Change{At: w.Now()})
	must(t, err)
	var pages []string
	for _, try := range [][2]string{{"alice", "wrong password"}, {"nobody", "wrong password"}, {"bobby", goodPassword}, {"no name at all!", "x"}} {
		c := w.client()
		c.header.Set("Accept-Language", "ko")
		r := c.post("/login", "username", try[0], "password", try[1])
		wantStatus(t, r, http.StatusUnauthorized)
		wantText(t, r, "아이디 또는 비밀번호가 올바르지 않습니다.")
		if len(r.Result().Cookies()) != 0 {
			t.Errorf("%s: a cookie", try[0])
		}
		page := strings.ReplaceAll(r.Body.String(), try[0], "NAME")
		pages = append(pages, page)
	}
	for _, page := range pages[1:] {
		if page != pages[0] {
			t.Error("the pages differ")
		}
	}
}

func TestAdministratorForcesSomebodyOut(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	admin, alice := w.loggedIn("root1"), w.loggedIn("alice")
	r := admin.get("/admin/sessions?q=alice")
	wantText(t, r, string(alice.session()))
	confirm := "/admin/sessions/" + string(alice.session()) + "/end"
	wantText(t, admin.get(confirm), `action="`+confirm+`"`)
	wantStatus(t, alice.get("/mypage"), http.StatusOK) // asking ends nothing
	wantRedirect(t, admin.post(confirm, "reason", "left the company"), "/admin/sessions")
	wantRedirect(t, alice.get("/mypage"), "/login?ended=forced&next=%2Fmypage")
	wantText(t, admin.get("/admin/sessions"), "1 ended, 0 already gone")
	wantRedirect(t, admin.post(confirm), "/admin/sessions") // again: harmless
	wantText(t, admin.get("/admin/sessions"), "0 ended, 1 already gone")
	r = alice.get("/login?ended=forced")
	wantText(t, r, `data-reason="forced"`)
	for _, bad := range []string{"/admin/sessions/x/end", "/admin/sessions/" + strings.Repeat("_", 43) + "/end"} {
		wantStatus(t, admin.post(bad), http.StatusNotFound)
	}
	// The administrator's own session: put out like anybody's.
	wantRedirect(t, admin.post("/admin/sessions/"+string(admin.session())+"/end"), "/login?ended=forced&next=%2Fmypage")
	if admin.cookies["__Host-session"] != nil {
		t.Error("the cookie stays")
	}
}

func TestRoleDisableEnable(t *testing.T) {
	w := newWorld(t)
	root := w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	admin, alice := w.loggedIn("root1"), w.loggedIn("alice")

	wantRedirect(t, admin.post("/admin/users/alice/role", "role", "admin"), "/admin/users")
	wantRedirect(t, alice.get("/mypage"), "/login?ended=forced&next=%2Fmypage") // I9: not with the old role
	alice = w.loggedIn("alice")
	wantStatus(t, alice.get("/admin/users"), http.StatusOK)
	wantRedirect(t, admin.post("/admin/users/alice/role", "role", "user"), "/admin/users")
	wantRedirect(t, alice.get("/admin/users"), "/login?ended=forced&next=%2Fadmin%2Fusers")

	alice = w.loggedIn("alice")
	wantRedirect(t, admin.post("/admin/users/alice/disable"), "/admin/users")
	wantRedirect(t, alice.get("/mypage"), "/login?ended=disabled&next=%2Fmypage")
	wantStatus(t, w.client().post("/login", "username", "alice", "password", goodPassword), http.StatusUnauthorized)
	wantRedirect(t, admin.post("/admin/users/alice/enable"), "/admin/users")
	alice = w.loggedIn("alice")
	wantRedirect(t, admin.post("/admin/users/alice/end-sessions"), "/admin/users")
	wantRedirect(t, alice.get("/mypage"), "/login?ended=forced&next=%2Fmypage")

	for _, self := range []string{"disable", "enable", "role"} {
		wantStatus(t, admin.post("/admin/users/root1/"+self, "role", "user"), http.StatusConflict)
	}
	wantStatus(t, admin.post("/admin/users/nobody/disable"), http.StatusNotFound)
	wantStatus(t, admin.get("/admin/users/alice/delete"), http.StatusNotFound)
	wantStatus(t, admin.get("/admin/users/alice/role?role=owner"), http.StatusNotFound)
	if _, _, err := w.UserStore.SetRole(context.Background(), root.ID, user.RoleUser, user.Change{At: w.Now()}); !errors.Is(err, user.ErrLastAdmin) {
		t.Errorf("last administrator: %v", err)
	}
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("mallory", user.RoleUser)
	one, two, three, foreign := w.loggedIn("alice"), w.loggedIn("alice"), w.loggedIn("alice"), w.loggedIn("mallory")
	page := one.get("/mypage").Body.String()
	if strings.Count(page, "data-session=") != 3 || strings.Contains(page, string(foreign.session())) {
		t.Error("the list is not the person's own three sessions")
	}
	if first := strings.Index(page, "data-session="); !strings.Contains(page[first:first+120], string(one.session())) {
		t.Error("this device is not first")
	}
	end := func(id session.ID) string { return "/mypage/sessions/" + string(id) + "/end" }
	wantRedirect(t, one.post(end(two.session())), "/mypage")
	wantRedirect(t, two.get("/mypage"), "/login?ended=logout&next=%2Fmypage")
	wantRedirect(t, foreign.post(end(one.session())), "/mypage") // not theirs to end
	wantStatus(t, one.get("/mypage"), http.StatusOK)
	for range 2 { // pressed twice
		wantRedirect(t, one.post("/mypage/sessions/end-others"), "/mypage")
		wantStatus(t, one.get("/mypage"), http.StatusOK)
	}
	wantRedirect(t, three.get("/mypage"), "/login?ended=logout&next=%2Fmypage")
	wantStatus(t, foreign.get("/mypage"), http.StatusOK)
	wantRedirect(t, one.post(end(one.session())), "/login?ended=logout")
	wantStatus(t, one.post(end("nonsense")), http.StatusSeeOther) // no session any more
}

func TestPasswordChange(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	mine, other := w.loggedIn("alice"), w.loggedIn("alice")
	began := mine.session()
	before := mine.cookies["__Host-session"]
	r := mine.post("/mypage/password", "current", "wrong", "password", "short")
	wantStatus(t, r, http.StatusUnprocessableEntity)
	wantStatus(t, other.get("/mypage"), http.StatusOK)

	wantRedirect(t, mine.post("/mypage/password", "current", goodPassword, "password", "a new good password 5"), "/mypage")
	if mine.session() == began {
		t.Error("the token is the old one (I9)")
	}
	wantText(t, mine.get("/mypage"), "1 other device was logged out")
	wantRedirect(t, other.get("/mypage"), "/login?ended=password&next=%2Fmypage")

	// A request that was under way with the old token comes back to find the
	// session renewed: it is refused, and the new cookie stays.
	late := w.client()
	late.cookies["__Host-session"] = before
	r = late.get("/mypage")
	wantRedirect(t, r, "/login?ended=replaced&next=%2Fmypage")
	if len(r.Result().Cookies()) != 0 {
		t.Error("a late answer to the old token clears the cookie of the new one")
	}
	wantStatus(t, w.client().post("/login", "username", "alice", "password", goodPassword), http.StatusUnauthorized)
	wantRedirect(t, w.client().post("/login", "username", "alice", "password", "a new good password 5"), "/mypage")
}

func TestKeepMeSignedIn(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	brief, long := w.client(), w.client()
	brief.post("/login", "username", "alice", "password", goodPassword)
	long.post("/login", "username", "alice", "password", goodPassword, "remember", "on")
	if age := brief.cookies["__Host-session"].MaxAge; age != 0 {
		t.Errorf("without the tick the cookie outlives the browser: %d s", age)
	}
	if age := long.cookies["__Host-session"].MaxAge; age < 29*24*3600 || age > 31*24*3600 {
		t.Errorf("with the tick the cookie lives %d s, want 30 days", age)
	}
	w.clock.advance(13 * time.Hour)
	wantRedirect(t, brief.get("/mypage"), "/login?ended=expired&next=%2Fmypage")
	wantStatus(t, long.get("/mypage"), http.StatusOK)
}

func TestLogInAgainEndsThePreviousSession(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	c := w.loggedIn("alice")
	old := c.cookies["__Host-session"]
	wantRedirect(t, c.post("/login", "username", "alice", "password", goodPassword), "/mypage")
	if c.cookies["__Host-session"].Value == old.Value {
		t.Fatal("the token is the old one (I9)")
	}
	thief := w.client()
	thief.cookies["__Host-session"] = old
	wantRedirect(t, thief.get("/mypage"), "/login?ended=replaced&next=%2Fmypage")
}

func TestLanguage(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	wantText(t, c.get("/login"), `lang="en"`)
	c.header.Set("Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8")
	wantText(t, c.get("/login"), `lang="ko"`)
	wantRedirect(t, c.post("/language", "lang", "en", "next", "/login?next=%2Fmypage"), "/login?next=%2Fmypage")
	wantText(t, c.get("/login"), `lang="en"`)
	wantRedirect(t, c.post("/language", "lang", "xx", "next", "/signup"), "/signup")
	c.header.Set("Accept-Language", "ja")
	c.cookies = map[string]*http.Cookie{}
	wantText(t, c.get("/login"), `lang="en"`)
}

func TestClosedSignUp(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.SignUp = false })
	wantStatus(t, w.client().get("/signup"), http.StatusForbidden)
	wantStatus(t, w.client().post("/signup", "username", "alice", "password", goodPassword), http.StatusForbidden)
	if _, err := w.UserStore.ByLogin(context.Background(), "alice"); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("the account: %v", err)
	}
}

func TestSetup(t *testing.T) {
	w := newWorld(t)
	code, open, err := w.Users.NewSetupCode(context.Background())
	if err != nil || !open {
		t.Fatal(open, err)
	}
	c := w.client()
	wantStatus(t, c.get("/setup"), http.StatusForbidden)
	wantStatus(t, c.get("/setup?code=wrong"), http.StatusForbidden)
	wantStatus(t, c.post("/setup", "code", "wrong", "username", "root1", "password", goodPassword), http.StatusForbidden)
	wantStatus(t, c.get("/setup?code="+code), http.StatusOK)
	wantStatus(t, c.post("/setup", "code", code, "username", "r", "password", "x"), http.StatusUnprocessableEntity)
	wantRedirect(t, c.post("/setup", "code", code, "username", "root1", "password", goodPassword), "/mypage")
	wantStatus(t, c.get("/admin/users"), http.StatusOK)
	wantStatus(t, w.client().get("/setup?code="+code), http.StatusNotFound) // once
	wantStatus(t, w.client().post("/setup", "code", code, "username", "root2", "password", goodPassword), http.StatusNotFound)
	for _, secret := range []string{code, goodPassword, c.cookies["__Host-session"].Value} {
		if strings.Contains(w.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	}
}

func TestRateLimits(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limiter = limit.NewMemory(0, c.Now) })
	w.account("alice", user.RoleUser)
	known := w.loggedIn("alice") // a browser that has logged in before
	stranger := w.client()       // behind the same address
	status := 0
	for range 100 {
		r := stranger.post("/login", "username", "alice", "password", "a wrong one")
		if status = r.Code; status == http.StatusTooManyRequests {
			if r.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			wantText(t, r, `value="alice"`)
			break
		}
	}
	if status != http.StatusTooManyRequests {
		t.Fatalf("100 wrong passwords end with %d", status)
	}
	wantRedirect(t, known.post("/login", "username", "alice", "password", goodPassword), "/mypage")
	elsewhere := w.client()
	elsewhere.remote = "198.51.100.1:9"
	wantRedirect(t, elsewhere.post("/login", "username", "alice", "password", goodPassword), "/mypage")
	// A cookie made up, or of another account, is no known browser.
	forged := w.client()
	forged.cookies["__Host-device"] = &http.Cookie{Name: "__Host-device", Value: strings.Repeat("A", 38)}
	wantStatus(t, forged.post("/login", "username", "alice", "password", goodPassword), http.StatusTooManyRequests)
	w.account("bobby", user.RoleUser)
	forged.cookies["__Host-device"] = known.cookies["__Host-device"]
	forged.post("/login", "username", "bobby", "password", "wrong")
	for range 30 {
		forged.post("/login", "username", "bobby", "password", "wrong")
	}
	wantStatus(t, forged.post("/login", "username", "bobby", "password", goodPassword), http.StatusTooManyRequests)
	w.clock.advance(time.Hour)
	wantRedirect(t, stranger.post("/login", "username", "alice", "password", goodPassword), "/mypage")
	for range 100 {
		if status = stranger.post("/signup", "username", "x", "password", "x").Code; status == http.StatusTooManyRequests {
			break
		}
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("100 sign-ups end with %d", status)
	}
}

func TestProgramsGetJSONErrors(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	c.header.Set("Accept", "application/json")
	r := c.get("/mypage")
	wantStatus(t, r, http.StatusUnauthorized)
	if got := r.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("type %q", got)
	}
	wantText(t, r, `"status":401`)
	r = c.get("/nothing")
	wantText(t, r, `"status":404`)
}
