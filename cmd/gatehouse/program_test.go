package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/session"
)

// The whole story of the product, from the first start on. Requests alternate
// between the nodes, so that everything done on one is seen on the other.
func TestStory(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		admin, phone, laptop := newClient(t), newClient(t), newClient(t)

		// The first administrator.
		admin.get(first, "/setup?code="+first.setupCode()).is(t, 200, "")
		admin.get(first, "/setup?code=wrong").is(t, 403, "")
		admin.setUp(first)
		admin.get(other, "/admin/sessions").is(t, 200, "")
		newClient(t).get(other, "/setup?code="+first.setupCode()).is(t, 404, "")

		// Sign up, log out, log in.
		phone.get(first, "/mypage").is(t, 303, "/login?next=%2Fmypage")
		phone.signUp(first, "kim")
		phone.isIn(other)
		phone.get(other, "/admin/sessions").is(t, 403, "")
		token := phone.copy()
		phone.post(other, "/logout").is(t, 303, "/login?ended=logout")
		phone.get(first, "/mypage").is(t, 303, "/login?next=%2Fmypage")
		token.isOut(first, session.Logout)
		phone.tryLogIn(first, "kim", "not the password").is(t, 401, "")
		phone.logIn(first, "kim")

		// A second device; each is in the other's list, and in the administrator's.
		laptop.logIn(other, "KIM")
		for _, page := range []answer{phone.get(other, "/mypage"), admin.get(first, "/admin/sessions")} {
			for _, id := range []session.ID{phone.sessionID(), laptop.sessionID()} {
				if id != phone.sessionID() || strings.HasPrefix(page.path, "/admin") {
					contains(t, page, string(id))
				}
			}
		}
		phone.post(first, "/mypage/sessions/"+string(laptop.sessionID())+"/end").is(t, 303, "/mypage")
		laptop.isOut(other, session.Logout)
		laptop.logIn(other, "kim")
		phone.post(first, "/mypage/sessions/end-others").is(t, 303, "/mypage")
		phone.isIn(other)
		laptop.isOut(other, session.Logout)
		laptop.logIn(other, "kim")

		// Put out by the administrator: one session, then all.
		thief := phone.copy()
		admin.post(other, "/admin/sessions/"+string(phone.sessionID())+"/end").is(t, 303, "/admin/sessions")
		phone.isOut(first, session.Forced)
		laptop.isIn(first)
		thief.isOut(other, session.Forced)
		phone.logIn(first, "kim")
		admin.post(other, "/admin/users/kim/end-sessions").is(t, 303, "/admin/users")
		phone.isOut(first, session.Forced)
		laptop.isOut(first, session.Forced)

		// A new role needs a new log-in.
		phone.logIn(first, "kim")
		admin.post(other, "/admin/users/kim/role", "role=admin").is(t, 303, "/admin/users")
		phone.isOut(first, session.Forced)
		phone.logIn(first, "kim")
		phone.get(other, "/admin/users").is(t, 200, "")
		admin.post(first, "/admin/users/kim/role", "role=user").is(t, 303, "/admin/users")
		phone.isOut(other, session.Forced)
		phone.logIn(first, "kim")
		phone.get(other, "/admin/users").is(t, 403, "")

		// A shut account is out and stays out until it is opened.
		admin.post(other, "/admin/users/kim/disable").is(t, 303, "/admin/users")
		phone.isOut(first, session.Disabled)
		phone.tryLogIn(first, "kim", password).is(t, 401, "")
		admin.post(other, "/admin/users/kim/enable").is(t, 303, "/admin/users")
		phone.logIn(first, "kim")

		// A new password: the others are out, this one goes on by a new token.
		laptop.logIn(other, "kim")
		thief = phone.copy()
		phone.post(first, "/mypage/password", "current=not the password", "password=another kettle 99").is(t, 422, "")
		phone.post(first, "/mypage/password", "current="+password, "password=another kettle 99").is(t, 303, "/mypage")
		if phone.token() == thief.token() {
			t.Error("the password was changed and the token was not")
		}
		phone.isIn(other)
		laptop.isOut(other, session.Password)
		thief.isOut(other, session.Replaced)
		laptop.tryLogIn(first, "kim", password).is(t, 401, "")
		laptop.tryLogIn(first, "kim", "another kettle 99").is(t, 303, "/mypage")
		admin.isIn(first)
	})
}

func contains(t testing.TB, a answer, text string) {
	t.Helper()
	if !strings.Contains(a.body, text) {
		t.Errorf("%s %s does not contain %q", a.method, a.path, text)
	}
}

// Stop, start again: everybody is still in, and who was out is still out.
func TestRestart(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		admin, kim, gone := newClient(t), newClient(t), newClient(t)
		admin.setUp(first)
		kim.signUp(first, "kim")
		gone.logIn(other, "kim")
		admin.post(first, "/admin/sessions/"+string(gone.sessionID())+"/end").is(t, 303, "/admin/sessions")
		for _, n := range []*node{first, other} {
			if code := n.stop(); code != exitOK {
				t.Fatalf("exit code %d\n%s", code, n.stderr)
			}
		}
		again := startNode(t, first.settings)
		if code := again.setupCode(); code != "" {
			t.Error("it offers to make an administrator although there is one")
		}
		kim.isIn(again)
		admin.get(again, "/admin/users").is(t, 200, "")
		gone.isOut(again, session.Forced)
		gone.logIn(again, "kim")
	})
}

// An address that guesses is slowed down on every node, and nobody else is.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		owner, elsewhere, stranger := newClient(t), newClient(t), newClient(t)
		for _, c := range []*client{owner, stranger} {
			c.forwardedFor = "198.51.100.7" // one office
		}
		elsewhere.forwardedFor = "203.0.113.9"
		owner.signUp(first, "kim")
		owner.post(first, "/logout").is(t, 303, "/login?ended=logout")

		// A stranger guesses until told to wait.
		var a answer
		for try := 0; a.status != http.StatusTooManyRequests; try++ {
			if try == 20 {
				t.Fatal("20 wrong passwords and still no limit")
			}
			a = stranger.tryLogIn(first, "kim", "guess number "+strconv.Itoa(try))
			if a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
				t.Fatalf("try %d: %d", try, a.status)
			}
		}
		if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 60 {
			t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
		}
		// On the other node too, and although this is not a guess: the limit
		// comes before the password.
		stranger.tryLogIn(other, "kim", password).is(t, 429, "")
		// What the stranger claims to be changes nothing: the proxy's word,
		// the last one, counts.
		stranger.forwardedFor = "203.0.113.99, 198.51.100.7"
		stranger.tryLogIn(other, "kim", password).is(t, 429, "")

		owner.logIn(other, "kim")
		elsewhere.logIn(other, "kim")

		for try := 0; a.status != http.StatusTooManyRequests || a.path != "/signup"; try++ {
			if try == 40 {
				t.Fatal("40 sign-ups and still no limit")
			}
			a = stranger.post(first, "/signup", "username=kim", "password=short")
		}
		if a.header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		elsewhere.post(first, "/signup", "username=kim", "password=short").is(t, 422, "")
	}, "GATEHOUSE_RATE_LIMITS", "on", "GATEHOUSE_TRUSTED_PROXIES", "127.0.0.1")
}

// A stop finishes what has begun, and takes nothing new.
func TestStopFinishesRequestsInFlight(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, _ *node) {
		newClient(t).signUp(first, "kim")
		form := formOf([]string{"username=kim", "password=" + password}).Encode()
		conn := first.dial(t)
		answers := bufio.NewReader(conn)
		fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n",
			first.addr, len(form))
		// The request is in flight once its handler asks for the body.
		if r, err := http.ReadResponse(answers, nil); err != nil || r.StatusCode != http.StatusContinue {
			t.Fatalf("the server does not ask for the body: %v, %v", r, err)
		}
		fmt.Fprint(conn, form[:10])

		code := make(chan int, 1)
		go func() { code <- first.stop() }()
		eventually(t, "it takes no new connections", func() bool {
			c, err := net.Dial("tcp", first.addr)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		select {
		case <-code:
			t.Fatal("it ended with a request in flight")
		default:
		}
		fmt.Fprint(conn, form[10:])
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("the request in flight got no answer: %v", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 303 || !strings.Contains(resp.Header.Get("Set-Cookie"), sessionCookie) {
			t.Errorf("the request in flight was answered %d", resp.StatusCode)
		}
		if code := <-code; code != exitOK {
			t.Errorf("exit code %d\n%s", code, first.stderr)
		}
	})
}
