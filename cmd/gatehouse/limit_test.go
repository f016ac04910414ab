package main

import (
	"regexp"
	"sync"
	"testing"

	"gatehouse/internal/session"
)

var ticketField = regexp.MustCompile(`name="ticket" value="([^"]+)"`)

// Log-ins alternate between the nodes: the limit is one for all of them.
func TestAtTheLimitThePersonChooses(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		phone, laptop, tablet := newClient(t), newClient(t), newClient(t)
		phone.signUp(first, "kim")
		laptop.logIn(other, "kim")
		a := tablet.tryLogIn(first, "kim", password)
		a.is(t, 409, "")
		contains(t, a, string(phone.sessionID()))
		contains(t, a, string(laptop.sessionID()))
		found := ticketField.FindStringSubmatch(a.body)
		if found == nil {
			t.Fatalf("no ticket:\n%s", a.body)
		}
		phone.isIn(other)
		laptop.isIn(first)
		choice := []string{"ticket=" + found[1], "end=" + string(laptop.sessionID())}
		tablet.post(other, "/login/choose", choice...).is(t, 303, "/mypage")
		tablet.isIn(first)
		phone.isIn(first)
		laptop.isOut(other, session.Replaced)

		// An end of everything leaves nothing of a ticket.
		phone.post(first, "/mypage/sessions/end-others").is(t, 303, "/mypage")
		tablet.isOut(other, session.Logout)
		tablet.post(first, "/login/choose", choice...).is(t, 409, "")
		laptop.logIn(other, "kim")
	}, "GATEHOUSE_SESSIONS_PER_USER", "2")
}

func TestAtTheLimitTheOldestIsReplaced(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		phone := newClient(t)
		phone.signUp(first, "kim")
		// Many at once, on all nodes.
		var crowd [12]*client
		var wg sync.WaitGroup
		for i := range crowd {
			crowd[i] = newClient(t)
			n := first
			if i%2 == 1 {
				n = other
			}
			wg.Go(func() {
				a, err := crowd[i].send(n, "POST", "/login", formOf([]string{"username=kim", "password=" + password}))
				for err == nil && a.status == 503 { // so many passwords are checked one after the other
					a, err = crowd[i].send(n, "POST", "/login", formOf([]string{"username=kim", "password=" + password}))
				}
				if err != nil || a.status != 303 {
					t.Errorf("log-in %d: %d, %v", i, a.status, err)
				}
			})
		}
		wg.Wait()
		in := 0
		for _, c := range crowd {
			if c.copy().get(first, "/mypage").status == 200 {
				in++
				continue
			}
			c.isOut(other, session.Replaced)
		}
		if in != 2 {
			t.Errorf("%d are in, want 2", in)
		}
		phone.isOut(other, session.Replaced)
		a := phone.get(first, "/login?ended=replaced")
		contains(t, a, `data-reason="replaced"`)
	}, "GATEHOUSE_SESSIONS_PER_USER", "2", "GATEHOUSE_SESSIONS_POLICY", "replace")
}

func TestAtTheLimitTheLoginIsDenied(t *testing.T) {
	t.Parallel()
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		phone, laptop := newClient(t), newClient(t)
		phone.signUp(first, "kim")
		a := laptop.tryLogIn(other, "kim", password)
		a.is(t, 409, "")
		contains(t, a, "on 1 device, which is all it may use")
		laptop.tryLogIn(other, "kim", "not the password").is(t, 401, "")
		phone.isIn(other)
		phone.logIn(other, "kim") // the same browser again
		phone.post(first, "/logout").is(t, 303, "/login?ended=logout")
		laptop.logIn(other, "kim")
		newClient(t).signUp(other, "lee")
	}, "GATEHOUSE_SESSIONS_PER_USER", "1", "GATEHOUSE_SESSIONS_POLICY", "deny")
}
