package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// limitedWorld lets everybody have n sessions.
func limitedWorld(t *testing.T, n int, at AtLimit) *world {
	t.Helper()
	w := newWorld(t)
	c := w.Config
	limits := c.Sessions.Limits()
	limits.PerUser = n
	c.Sessions = session.NewManager(w.db.Sessions(), w.db.Ledger(), limits, w.clock.Now, session.WithRefreshKey(refreshKey))
	c.AtLimit = at
	c.Limiter = limit.NewMemory(1000, w.clock.Now)
	var err error
	w.Server, err = New(c)
	must(t, err)
	return w
}

// in returns n clients that log in one after the other, each from an address of
// its own.
func (w *world) in(name string, n int) (clients []*client) {
	w.t.Helper()
	for range n {
		w.clock.advance(time.Minute)
		clients = append(clients, w.loggedIn(name))
	}
	return clients
}

var ticketField = regexp.MustCompile(`name="ticket" value="([^"]+)"`)

// ask logs in where there is no room and returns the answer and its ticket.
func (c *client) ask(t *testing.T, name string, fields ...string) (r *httptest.ResponseRecorder, ticket string) {
	t.Helper()
	c.w.clock.advance(time.Minute)
	r = c.post("/login", append([]string{"username", name, "password", goodPassword}, fields...)...)
	wantStatus(t, r, http.StatusConflict)
	found := ticketField.FindStringSubmatch(r.Body.String())
	if found == nil {
		t.Fatalf("no ticket in the page:\n%s", r.Body)
	}
	if c.cookies["__Host-session"] != nil {
		t.Error("a session where there is no room")
	}
	return r, found[1]
}

func (c *client) isIn(t *testing.T) {
	t.Helper()
	wantStatus(t, c.get("/mypage"), http.StatusOK)
}

func (c *client) isOut(t *testing.T, why session.Reason) {
	t.Helper()
	wantRedirect(t, c.get("/mypage"), "/login?ended="+string(why)+"&next=%2Fmypage")
}

func TestAtTheLimitThePersonChooses(t *testing.T) {
	w := limitedWorld(t, 2, Choose)
	w.account("alice", user.RoleUser)
	w.account("mallory", user.RoleUser)
	foreign := w.loggedIn("mallory")
	old := w.in("alice", 2)

	c := w.client()
	r, ticket := c.ask(t, "alice", "remember", "on", "next", "/mypage/password")
	page := r.Body.String()
	for i, other := range old {
		box := `value="` + string(other.session()) + `" aria-describedby="facts-` + string(other.session()) + `"`
		if !strings.Contains(page, box) {
			t.Errorf("device %d is not in the page", i)
		}
		if picked := strings.Contains(page, box+" checked"); picked != (i == 0) {
			t.Errorf("device %d: selected %t; want only the one seen longest ago", i, picked)
		}
	}
	if strings.Contains(page, string(foreign.session())) || strings.Contains(page, goodPassword) {
		t.Error("the page shows what it must not")
	}
	for _, one := range old {
		one.isIn(t) // asking ends nothing
	}

	// Not the one that was selected for them, but the other.
	r = c.post("/login/choose", "ticket", ticket, "end", string(old[1].session()))
	wantRedirect(t, r, "/mypage/password")
	if c.cookies["__Host-session"].MaxAge < 29*24*3600 {
		t.Error("the wish to stay signed in is lost")
	}
	if c.cookies["__Host-device"] == nil {
		t.Error("the browser is not remembered")
	}
	c.isIn(t)
	old[0].isIn(t)
	old[1].isOut(t, session.Replaced)
	events, err := w.Audit.Recent(context.Background(), c.user(t), 2)
	must(t, err)
	if len(events) != 2 || events[0].Kind != audit.Login || events[1].Kind != audit.SessionEnded {
		t.Errorf("recent activity: %+v", events)
	}
	if strings.Contains(w.log.String(), ticket[:40]) {
		t.Error("the ticket is in the log")
	}
}

// user returns whose session the client has.
func (c *client) user(t *testing.T) user.ID {
	t.Helper()
	one, err := c.w.Sessions.Check(context.Background(), c.session())
	must(t, err)
	return one.User
}

func TestChoosingNothingOrTooLittle(t *testing.T) {
	w := limitedWorld(t, 2, Choose)
	w.account("alice", user.RoleUser)
	old := w.in("alice", 2)
	c := w.client()
	_, ticket := c.ask(t, "alice")
	r := c.post("/login/choose", "ticket", ticket)
	wantStatus(t, r, http.StatusUnprocessableEntity)
	wantText(t, r, "choose which to log out")
	wantText(t, r, `role="alert"`)
	ticket = ticketField.FindStringSubmatch(r.Body.String())[1]

	// Somebody takes the place that the choice makes: a session already gone.
	must(t, w.end(old[0].session()))
	fast := w.loggedIn("alice")
	r = c.post("/login/choose", "ticket", ticket, "end", string(old[0].session()))
	wantStatus(t, r, http.StatusConflict)
	wantText(t, r, "another device was faster")
	wantText(t, r, string(fast.session()))
	ticket = ticketField.FindStringSubmatch(r.Body.String())[1]

	// There is room all at once: nothing has to be chosen.
	must(t, w.end(fast.session()))
	wantRedirect(t, c.post("/login/choose", "ticket", ticket), "/mypage")
	old[1].isIn(t)
}

func (w *world) end(id session.ID) error {
	_, err := w.Sessions.End(context.Background(), []session.ID{id}, session.Why{Reason: session.Logout})
	return err
}

// A ticket is good for one log-in of one account as it was, for two minutes,
// and ends nobody else's sessions; when it is good for nothing it ends nothing.
func TestTicketAttacks(t *testing.T) {
	wrong := func(c *client, tell string, fields ...string) {
		t.Helper()
		r := c.post("/login/choose", fields...)
		wantStatus(t, r, http.StatusConflict)
		wantText(t, r, tell)
		if c.cookies["__Host-session"] != nil {
			t.Error("a session")
		}
	}
	const over, changed = "open for too long", "Your account changed"
	for name, attack := range map[string]func(w *world, alice user.User, old []*client, c *client, ticket string){
		"expired": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			w.clock.advance(2 * time.Minute)
			wrong(c, over, "ticket", ticket, "end", string(old[0].session()))
			old[0].isIn(t)
		},
		"not expired": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			w.clock.advance(2*time.Minute - time.Second)
			wantRedirect(t, c.post("/login/choose", "ticket", ticket, "end", string(old[0].session())), "/mypage")
		},
		"handed on in a new page": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			w.clock.advance(time.Minute)
			r := c.post("/login/choose", "ticket", ticket)
			next := ticketField.FindStringSubmatch(r.Body.String())[1]
			w.clock.advance(time.Minute)
			wrong(c, over, "ticket", next, "end", string(old[0].session()))
		},
		"used twice": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			wantRedirect(t, c.post("/login/choose", "ticket", ticket, "end", string(old[0].session())), "/mypage")
			c.post("/logout")
			wrong(w.client(), over, "ticket", ticket, "end", string(old[1].session()))
			old[1].isIn(t)
		},
		"after the end of all": func(w *world, alice user.User, old []*client, c *client, ticket string) {
			_, err := w.Sessions.EndUser(context.Background(), alice.ID, old[0].session(), session.Why{Reason: session.Forced})
			must(t, err)
			wrong(c, changed, "ticket", ticket, "end", string(old[0].session()))
			old[0].isIn(t) // kept, and not ended by the ticket
		},
		"after the end of everyone": func(w *world, _ user.User, _ []*client, c *client, ticket string) {
			_, err := w.Sessions.EndAll(context.Background(), session.Why{Reason: session.Forced})
			must(t, err)
			wrong(c, changed, "ticket", ticket)
		},
		"after a change of password": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			wantRedirect(t, old[0].post("/mypage/password", "current", goodPassword, "password", "a new good password 5"), "/mypage")
			wrong(c, changed, "ticket", ticket, "end", string(old[0].session()))
			old[0].isIn(t)
		},
		"of an account shut since": func(w *world, alice user.User, old []*client, c *client, ticket string) {
			_, err := w.UserStore.Disable(context.Background(), alice.ID, user.Change{At: w.Now()})
			must(t, err)
			wrong(c, changed, "ticket", ticket, "end", string(old[0].session()))
		},
		"against somebody else": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			w.account("mallory", user.RoleUser)
			victim := w.loggedIn("mallory")
			r := c.post("/login/choose", "ticket", ticket, "end", string(victim.session()))
			wantStatus(t, r, http.StatusConflict)
			victim.isIn(t)
			old[0].isIn(t)
		},
		"forged": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			payload, signature, _ := strings.Cut(ticket, ".")
			flipped := "A"
			if payload[20] == 'A' {
				flipped = "B"
			}
			device := c.w.deviceMAC([]byte("123456789012"), "alice")
			for _, bad := range []string{"", ".", payload, payload + ".", "." + signature,
				payload[:20] + flipped + payload[21:] + "." + signature, payload + "." + signature[:20],
				payload + "." + string(device), ticket + "=", ticket + "." + signature, strings.Repeat("x", 4000)} {
				wrong(c, over, "ticket", bad, "end", string(old[0].session()))
			}
			wrong(c, over, "end", string(old[0].session()))
			old[0].isIn(t)
			// In the URL it is nothing.
			r := c.do("POST", "/login/choose?ticket="+ticket, strings.NewReader("end="+string(old[0].session())))
			wantStatus(t, r, http.StatusConflict)
			old[0].isIn(t)
		},
		"of another installation": func(w *world, alice user.User, old []*client, c *client, _ string) {
			c.w = w
			key := w.DeviceKey
			w.DeviceKey = []byte("another 0123456789abcdef01234567")
			foreign, err := w.issue(t.Context(), w.newTicket(alice, loginForm{login: "alice"}))
			must(t, err)
			w.DeviceKey = key
			wrong(c, over, "ticket", foreign, "end", string(old[0].session()))
			old[0].isIn(t)
		},
		// Of the database the thief has the key that signs and the hashes of the
		// tickets that wait, but no password; and may have an account, and so a
		// ticket, of their own.
		"made by a copy of the database": func(w *world, alice user.User, old []*client, _ *client, _ string) {
			w.account("mallory", user.RoleUser)
			w.in("mallory", 2)
			_, own := w.client().ask(t, "mallory")
			mine, err := w.open(own)
			must(t, err)
			hash := sha256.Sum256([]byte(own))
			for i, number := range []string{"", "made up", string(hash[:]), mine.Number} {
				c := w.client()
				c.remote = fmt.Sprintf("198.51.100.%d:4711", i+1) // no limit helps here
				made := w.newTicket(alice, loginForm{login: "alice"})
				made.Epoch, made.Number, made.Until = user.Epoch{All: math.MaxUint32, User: math.MaxUint32}, number, mine.Until
				text, err := w.seal(made)
				must(t, err)
				wrong(c, over, "ticket", text, "end", string(old[0].session()))
				made.Carrier = session.Bearer
				text, err = w.seal(made)
				must(t, err)
				c.program(t).send("POST", "/api/v1/login/choose", `{"ticket":"`+text+`","end":[]}`).want(http.StatusConflict)
			}
			old[0].isIn(t)
		},
		"too often": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			for range 30 {
				r := c.post("/login/choose", "ticket", ticket)
				if r.Code == http.StatusTooManyRequests {
					if r.Header().Get("Retry-After") == "" {
						t.Error("429 without Retry-After")
					}
					return
				}
				if found := ticketField.FindStringSubmatch(r.Body.String()); found != nil {
					ticket = found[1]
				}
			}
			t.Error("30 tries and no limit")
		},
		"from another site": func(w *world, _ user.User, old []*client, c *client, ticket string) {
			c.header.Set("Sec-Fetch-Site", "cross-site")
			wantStatus(t, c.post("/login/choose", "ticket", ticket, "end", string(old[0].session())), http.StatusForbidden)
			old[0].isIn(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := limitedWorld(t, 2, Choose)
			alice := w.account("alice", user.RoleUser)
			alice, err := w.UserStore.ByID(context.Background(), alice.ID)
			must(t, err)
			old := w.in("alice", 2)
			c := w.client()
			_, ticket := c.ask(t, "alice")
			attack(w, alice, old, c, ticket)
		})
	}
}

func TestAtTheLimitTheOldestIsReplaced(t *testing.T) {
	w := limitedWorld(t, 2, ReplaceOldest)
	w.account("alice", user.RoleUser)
	c := w.in("alice", 3)
	c[0].isOut(t, session.Replaced)
	wantText(t, c[0].get("/login?ended=replaced"), "A newer log-in took the place of this one.")
	c[1].isIn(t)
	c[2].isIn(t)
}

func TestAtTheLimitTheLoginIsDenied(t *testing.T) {
	for lang, text := range map[string]string{"en": "logged in on 2 devices", "ko": "이미 기기 2대에서 로그인되어 있어"} {
		w := limitedWorld(t, 2, Deny)
		w.account("alice", user.RoleUser)
		old := w.in("alice", 2)
		c := w.client()
		c.header.Set("Accept-Language", lang)
		r := c.post("/login", "username", "alice", "password", goodPassword, "next", "/mypage/password")
		wantStatus(t, r, http.StatusConflict)
		wantText(t, r, text)
		wantText(t, r, `value="alice"`)
		if len(r.Result().Cookies()) != 0 || ticketField.MatchString(r.Body.String()) {
			t.Error("a cookie or a ticket for who was refused")
		}
		for _, one := range old {
			one.isIn(t)
		}
		wantRedirect(t, old[0].post("/logout"), "/login?ended=logout")
		wantRedirect(t, c.post("/login", "username", "alice", "password", goodPassword), "/mypage")
	}
}

// Whoever logs in again in the same browser takes no other device's place; and
// an account just made is let in, however often the button is pressed.
func TestWhoIsNeverAtTheLimit(t *testing.T) {
	for _, at := range []AtLimit{Choose, ReplaceOldest, Deny} {
		w := limitedWorld(t, 1, at)
		form := []string{"username", "alice", "password", goodPassword}
		first, second := w.client(), w.client()
		wantRedirect(t, first.post("/signup", form...), "/mypage")
		wantRedirect(t, second.post("/signup", form...), "/mypage")
		first.isOut(t, session.Replaced)
		wantRedirect(t, second.post("/login", form...), "/mypage")
		second.isIn(t)
	}
}
