package server

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// staff is an administrator and two users with two devices each.
func staff(t *testing.T) (w *world, admin *client, alice, bob [2]*client) {
	w = newWorld(t)
	w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	w.account("bobby", user.RoleUser)
	for i := range 2 {
		alice[i], bob[i] = w.loggedIn("alice"), w.loggedIn("bobby")
	}
	w.clock.advance(time.Minute)
	return w, w.loggedIn("root1"), alice, bob
}

func wantIn(t *testing.T, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		wantStatus(t, c.get("/mypage"), http.StatusOK)
	}
}

func wantOut(t *testing.T, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		wantRedirect(t, c.get("/mypage"), "/login?ended=forced&next=%2Fmypage")
	}
}

func TestAdminFiltersSessions(t *testing.T) {
	_, admin, alice, bob := staff(t)
	for query, want := range map[string]int{
		"": 5, "q=alice": 2, "user=ALICE": 2, "role=admin": 1, "role=user": 4, "ip=192.0.2.0/24": 5, "ip=10.0.0.1": 0,
		"older=30s": 4, "older=2m": 0, "idle=30s&user=bobby": 2, "carrier=bearer": 0, "user=alice&role=admin": 0, "device=nothing": 0,
		"q=&user=&role=&ip=&device=&older=&idle=": 5,
	} {
		r := admin.get("/admin/sessions?" + query)
		wantStatus(t, r, http.StatusOK)
		if got := strings.Count(r.Body.String(), `data-session="`); got != want {
			t.Errorf("?%s shows %d sessions, want %d", query, got, want)
		}
	}
	r := admin.get("/admin/sessions?role=user&older=30s")
	wantText(t, r, `<option value="user" selected>`)
	wantText(t, r, `value="30s"`)
	wantText(t, r, `href="/admin/sessions/end?older=30s&amp;role=user"`)
	wantIn(t, alice[0], bob[0])
	// The own row asks by itself: it has no box to be ticked by accident.
	if body := admin.get("/admin/sessions").Body.String(); strings.Contains(body, `value="`+string(admin.session())+`"`) || strings.Count(body, `name="ids"`) != 4 {
		t.Error("boxes: want one on every row but the own")
	}
}

func TestAdminPagesKeepTheFilter(t *testing.T) {
	w := newWorld(t)
	w.account("root1", user.RoleAdmin)
	w.account("alice", user.RoleUser)
	for range adminPageSize + 1 {
		w.loggedIn("alice")
	}
	r := w.loggedIn("root1").get("/admin/sessions?role=user&ip=192.0.2.1")
	wantText(t, r, `href="/admin/sessions?ip=192.0.2.1&amp;page=2&amp;role=user"`)
}

func TestAdminEndsSelected(t *testing.T) {
	w, admin, alice, bob := staff(t)
	ids := "ids=" + string(alice[0].session()) + "&ids=" + string(bob[1].session())
	r := admin.get("/admin/sessions/end?" + ids)
	wantStatus(t, r, http.StatusOK)
	for _, text := range []string{"2 sessions", "2 users", "End 2 sessions", "alice", "bobby", `value="` + string(bob[1].session()) + `"`, `href="/admin/sessions" autofocus`} {
		wantText(t, r, text)
	}
	if strings.Contains(r.Body.String(), "This hits you") {
		t.Error("warns of what does not happen")
	}
	wantIn(t, alice[0], bob[1]) // asking is not doing
	wantRedirect(t, admin.do("POST", "/admin/sessions/end", strings.NewReader(ids+"&reason=stolen")), "/admin/sessions")
	wantOut(t, alice[0], bob[1])
	wantIn(t, alice[1], bob[0])
	wantText(t, admin.get("/admin/sessions"), "2 ended, 0 already gone, 2 users")
	// Again: harmless, and the receipt says so.
	wantRedirect(t, admin.do("POST", "/admin/sessions/end", strings.NewReader(ids)), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "0 ended, 2 already gone")
	wantRedirect(t, admin.get("/admin/sessions/end?"+ids), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "there is nothing to end")

	u, err := w.UserStore.ByLogin(context.Background(), "alice")
	must(t, err)
	events, err := w.Audit.Recent(context.Background(), u.ID, 10)
	must(t, err)
	if e := events[0]; e.Kind != audit.SessionsEnded || e.Note != "stolen" || e.Actor == "" || e.Actor == u.ID {
		t.Errorf("audit: %+v", e)
	}
}

func TestAdminEndsAllThatMatch(t *testing.T) {
	w, admin, alice, bob := staff(t)
	r := admin.get("/admin/sessions/end?role=user&older=30s")
	wantStatus(t, r, http.StatusOK)
	for _, text := range []string{"4 sessions", "2 users", `name="role" value="user"`, `name="older" value="30s"`, `href="/admin/sessions?older=30s&amp;role=user" autofocus`} {
		wantText(t, r, text)
	}
	fresh := w.loggedIn("alice")
	wantRedirect(t, admin.post("/admin/sessions/end", "role", "user", "older", "30s"), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "4 ended, 0 already gone, 2 users")
	wantOut(t, alice[0], alice[1], bob[0], bob[1])
	wantIn(t, admin, fresh)
	wantRedirect(t, admin.post("/admin/sessions/end", "role", "user", "older", "30s"), "/admin/sessions")
	wantText(t, admin.get("/admin/sessions"), "0 ended, 0 already gone, 0 users")
	wantIn(t, fresh)
	wantRedirect(t, admin.post("/admin/sessions/end", "user", "alice"), "/admin/sessions")
	wantOut(t, fresh)

	// The own session is warned of, and put out like anybody's.
	wantText(t, admin.get("/admin/sessions/end?role=admin"), "This hits you, too.")
	wantText(t, admin.get("/admin/sessions/end?ids="+string(admin.session())), "This hits you, too.")
	wantRedirect(t, admin.post("/admin/sessions/end", "role", "admin"), "/login?ended=forced&next=%2Fmypage")
}

func TestAdminEndsEveryone(t *testing.T) {
	w, admin, alice, bob := staff(t)
	r := admin.get("/admin/sessions/end?everyone=yes")
	wantStatus(t, r, http.StatusOK)
	for _, text := range []string{"5 sessions", "3 users", "This hits you, too.", "end everyone", `name="everyone" value="yes"`} {
		wantText(t, r, text)
	}
	for _, typed := range []string{"", "yes", "end", "everyone"} {
		r := admin.post("/admin/sessions/end", "everyone", "yes", "confirm", typed, "reason", "breach")
		wantStatus(t, r, http.StatusUnprocessableEntity)
		wantText(t, r, `id="confirm-error"`)
		wantText(t, r, `name="confirm" value="`+typed+`"`)
		wantText(t, r, `value="breach"`)
	}
	wantIn(t, admin, alice[0], bob[1])
	// In either language, any case, and as a Mac may send it.
	if !w.saysEveryone(" End Everyone ") || !w.saysEveryone("모두 종료") || !w.saysEveryone(norm.NFD.String("모두 종료")) || w.saysEveryone("모두") {
		t.Error("the word is not understood")
	}
	wantRedirect(t, admin.post("/admin/sessions/end", "everyone", "yes", "confirm", "end everyone", "reason", "breach"), "/login?ended=forced&next=%2Fmypage")
	wantOut(t, alice[0], alice[1], bob[0], bob[1])
}

func TestAdminEndRefusesBadInput(t *testing.T) {
	_, admin, alice, bob := staff(t)
	id := string(alice[0].session())
	for query, say := range map[string]string{
		"":                            "Tick at least one session",
		"q=+&role=":                   "Tick at least one session",
		"ids=x":                       "is not the id of a session",
		"ids=":                        "is not the id of a session",
		"ids=" + id + "&ids=x":        "is not the id of a session",
		"ids=" + id + "&role=user":    "cannot be combined",
		"ids=" + id + "&everyone=yes": "cannot be combined",
		"everyone=yes&role=user":      "cannot be combined",
		"everyone=1":                  "cannot be filtered by “everyone”",
		"usr=alice":                   "cannot be filtered by “usr”",
		"role=user&ip=10.0.0.0%2F33":  "“10.0.0.0/33” is not an address or network",
		"ip=300.1.2.3":                "“300.1.2.3” is not an address or network",
		"role=owner":                  "“owner” is not a role",
		"user=nobody":                 "There is no user “nobody”",
		"user=not+a+name":             "There is no user “not a name”",
		"older=soon":                  "“soon” is not a time",
		"idle=-1h":                    "“-1h” is not a time",
		"carrier=pigeon":              "“pigeon” is not a way",
		"role=user&role=admin":        "is not a role",
		"role=%3Cscript%3Ealert(1)":   "&lt;script&gt;",
		"ip=1.2.3&older=x&role=owner": "is not a time",
	} {
		asked := admin.get("/admin/sessions/end?" + query)
		posted := admin.do("POST", "/admin/sessions/end", strings.NewReader(query))
		for what, r := range map[string]int{"GET": asked.Code, "POST": posted.Code} {
			if r != http.StatusUnprocessableEntity {
				t.Errorf("%s of %q: %d, want 422", what, query, r)
			}
		}
		wantText(t, asked, say)
		wantText(t, posted, say)
		v, err := url.ParseQuery(query)
		must(t, err)
		if len(v["ids"])+len(v["everyone"]) > 0 || strings.HasPrefix(say, "Tick") {
			continue // not something that a list is searched by
		}
		listed := admin.get("/admin/sessions?" + query)
		wantStatus(t, listed, http.StatusUnprocessableEntity)
		wantText(t, listed, say)
	}
	wantText(t, admin.get("/admin/sessions?ip=300.1.2.3"), `value="300.1.2.3"`) // what was typed
	wantIn(t, admin, alice[0], alice[1], bob[0], bob[1])
	if _, err := admin.w.Sessions.Check(context.Background(), session.ID(id)); err != nil {
		t.Error(err)
	}
}

// What nothing is known of is said in words, or not at all.
func TestPreviewOfUnknownDevices(t *testing.T) {
	found := session.Preview{Sessions: 2, First: []session.Session{
		{Username: "kim"},
		{Username: "lee", Client: "robot", IP: netip.MustParseAddr("192.0.2.7")},
	}}
	got := (&Server{}).whom(testTranslator(t, "en"), nil, found)
	if want := []Detail{{"kim", "Unknown device"}, {"lee", "robot, 192.0.2.7"}}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
