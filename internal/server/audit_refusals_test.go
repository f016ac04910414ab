package server

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

const chromeOnWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"

// Who loses a session to a log-in reads in the log which one it was, and whether
// somebody chose it; and a right password that found no room is there as well.
func TestAuditKnowsWhatTheLimitDid(t *testing.T) {
	const (
		gone   = "One device logged out | alice | alice | 192.0.2.1 |  | Ended: Chrome · Windows · "
		oldest = "Unused for longest, to make room for a new log-in | "
		chosen = "Chosen to make room for a new log-in | "
		full   = "Log-in held up: too many devices | alice | alice | 192.0.2.1 |  | "
	)
	for at, want := range map[AtLimit]struct{ ended, full []string }{
		ReplaceOldest: {ended: []string{gone + oldest}},
		Choose:        {ended: []string{gone + chosen}, full: []string{full + "Asked which device to log out | "}},
		Deny:          {full: []string{full + " | "}},
	} {
		t.Run(string(at), func(t *testing.T) {
			w := limitedWorld(t, 1, at)
			w.account("root1", user.RoleAdmin)
			w.account("alice", user.RoleUser)
			admin := w.loggedIn("root1")
			old := w.client()
			old.header.Set("User-Agent", chromeOnWindows)
			wantRedirect(t, old.post("/login", "username", "alice", "password", goodPassword), "/mypage")
			w.clock.advance(time.Minute)
			fresh := w.client()
			switch at {
			case Choose:
				_, ticket := fresh.ask(t, "alice")
				wantRedirect(t, fresh.post("/login/choose", "ticket", ticket, "end", string(old.session())), "/mypage")
			case Deny:
				wantStatus(t, fresh.post("/login", "username", "alice", "password", goodPassword), http.StatusConflict)
			default:
				wantRedirect(t, fresh.post("/login", "username", "alice", "password", goodPassword), "/mypage")
			}
			if got := admin.newest(audit.SessionEnded); !slices.Equal(got, want.ended) {
				t.Errorf("ends:\n got %q\nwant %q", got, want.ended)
			}
			if got := admin.newest(audit.LoginFull); !slices.Equal(got, want.full) {
				t.Errorf("held up:\n got %q\nwant %q", got, want.full)
			}
			admin.header.Set("Accept-Language", "ko")
			page := admin.get("/admin/audit")
			for _, text := range map[AtLimit][]string{
				ReplaceOldest: {"가장 오래 사용하지 않아 새 로그인을 위해 종료"},
				Choose:        {"새 로그인을 위해 선택하여 종료", "로그인 보류: 기기 수 한도", "로그아웃할 기기 선택 요청"},
				Deny:          {"로그인 보류: 기기 수 한도"},
			}[at] {
				wantText(t, page, text)
			}
		})
	}
}

// endless ends nothing: the store went away after the ledger was written.
type endless struct{ session.Store }

func (endless) End(context.Context, []session.ID, session.Why, time.Time) (int, error) {
	return 0, session.ErrUnavailable
}

// An end for a log-in that may not be finished is in the log as such.
func TestAuditKnowsAnEndThatMayNotBeFinished(t *testing.T) {
	w := limitedWorld(t, 1, ReplaceOldest)
	w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	admin := w.loggedIn("root1")
	old := w.loggedIn("alice")
	w.clock.advance(time.Minute)
	working := w.Server
	c := w.Config
	c.Sessions = session.NewManager(endless{w.db.Sessions()}, w.db.Ledger(), c.Sessions.Limits(), w.clock.Now)
	var err error
	w.Server, err = New(c)
	must(t, err)
	wantStatus(t, w.client().post("/login", "username", "alice", "password", goodPassword), http.StatusServiceUnavailable)
	w.Server = working
	old.isIn(t)
	want := []string{"One device logged out | alice | alice | 192.0.2.1 |  | Unused for longest, to make room for a new log-in · Not finished, so it has to be repeated | "}
	if got := admin.newest(audit.SessionEnded); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Refused sign-ups and changes of a password are in the log, each client now and
// then, and nothing that was typed is.
func TestAuditKnowsRefusals(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limiter = limit.NewMemory(0, c.Now) })
	w.account("root1", user.RoleAdmin)
	w.account("kim", user.RoleUser)
	admin, kim := w.loggedIn("root1"), w.loggedIn("kim")
	signUp := func(remote, name, password string) int {
		c := w.client()
		c.remote = remote
		return c.post("/signup", "username", name, "password", password, "email", "").Code
	}
	if code := signUp("203.0.113.1:1", "weak", "x"); code != http.StatusUnprocessableEntity {
		t.Errorf("a weak password: %d", code)
	}
	const typed = "typed horse battery 1"
	for range 30 { // until the address has had enough
		signUp("203.0.113.2:1", "KIM", typed)
	}
	for range 10 {
		kim.post("/mypage/password", "current", typed, "password", "another kettle 99")
	}
	for kind, want := range map[audit.Kind][]string{
		audit.SignUpRefused: {
			"Sign-up refused | — | — | 203.0.113.2 |  | Too many tries | ",
			"Sign-up refused | — | — | 203.0.113.2 |  | Somebody has that username or e-mail | ",
		},
		audit.PasswordLimited: {"Password not changed: too many tries | kim | kim | 192.0.2.1 |  |  | "},
	} {
		if got := admin.newest(kind); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", kind, got, want)
		}
	}
	w.SignUp = false
	if code := signUp("203.0.113.3:1", "lee", typed); code != http.StatusForbidden {
		t.Errorf("closed: %d", code)
	}
	want := "Sign-up refused | — | — | 203.0.113.3 |  | Sign-up is closed | "
	if got := admin.newest(audit.SignUpRefused); len(got) != 3 || got[0] != want {
		t.Errorf("closed: got %q, want %q first", got, want)
	}
}
