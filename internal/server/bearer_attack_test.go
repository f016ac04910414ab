package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// A token spent earlier is shown once more, by a thief or by the owner after the
// thief: the session ends, with all its tokens, and its owner can see why.
func TestBearerAttackReplay(t *testing.T) {
	for what, replay := range map[string]func(w *world, h *holder, first string) answered{
		"an older generation": func(_ *world, h *holder, first string) answered {
			h.keep(h.spend(h.refresh))
			return h.spend(first)
		},
		"the one before, after the grace": func(w *world, h *holder, first string) answered {
			w.clock.advance(session.RefreshGrace)
			return h.spend(first)
		},
	} {
		w := newWorld(t)
		w.account("alice", user.RoleUser)
		browser := w.loggedIn("alice")
		h := w.holder(t, "alice")
		first := h.refresh
		h.keep(h.spend(first))
		replay(w, h, first).problem(401, "session-ended").want(401, "reason", "reuse")
		h.isOut(what, session.Reuse)
		h.spend(first).problem(401, "session-ended")
		events, _, err := w.Audit.Search(t.Context(), audit.Query{Kinds: []audit.Kind{audit.TokenReuse}})
		must(t, err)
		if len(events) != 1 || events[0].Username != "alice" || events[0].Detail.Target != "Backup job" || events[0].Detail.Ended != 1 || events[0].By() != audit.ByNobody {
			t.Errorf("%s: audit: %+v", what, events)
		}
		wantText(t, browser.get("/mypage"), "Logged out: a used refresh token was shown again")
		browser.isIn(t) // another session of the same person is none of its business
	}
}

// What is no access token of ours is refused whoever else the request may be,
// and costs nobody their log-in.
func TestBearerAttackForgedTokens(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	root := w.account("root1", user.RoleAdmin)
	h, browser := w.holder(t, "alice"), w.loggedIn("alice")
	part := strings.Split(h.access, ".")
	encode := base64.RawURLEncoding.EncodeToString
	head := func(with string) string { return encode([]byte(`{"alg":"EdDSA",` + with + `}`)) }
	var header struct{ KID string }
	must(t, json.Unmarshal(must1(base64.RawURLEncoding.DecodeString(part[0])), &header))
	payload := string(must1(base64.RawURLEncoding.DecodeString(part[1])))
	hmacOf := func(secret []byte) string {
		text := encode([]byte(`{"alg":"HS256","typ":"at+jwt","kid":"`+header.KID+`"}`)) + "." + part[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + encode(mac.Sum(nil))
	}
	var keys struct{ Keys []struct{ X string } }
	must(t, json.Unmarshal(w.Keyring.JWKS(), &keys))
	public := must1(base64.RawURLEncoding.DecodeString(keys.Keys[0].X))
	// A genuine signature under what we would never sign.
	cookie := must1(w.Sessions.Check(t.Context(), browser.session()))
	inCookie, _, err := w.Issuer.Issue(cookie)
	must(t, err)
	swapped := must1(w.Sessions.Check(t.Context(), h.id))
	swapped.User = root.ID
	ofOther, _, err := w.Issuer.Issue(swapped)
	must(t, err)
	elsewhere, err := token.NewIssuer(w.Keyring, token.Parties{Issuer: publicURL, Audience: "https://other.example"}, time.Minute)
	must(t, err)
	forOther, _, err := elsewhere.Issue(must1(w.Sessions.Check(t.Context(), h.id)))
	must(t, err)

	for name, text := range map[string]string{
		"nothing":                          "",
		"alg none":                         encode([]byte(`{"alg":"none","typ":"at+jwt","kid":"`+header.KID+`"}`)) + "." + part[1] + ".",
		"signature stripped":               part[0] + "." + part[1] + ".",
		"signature of zeros":               part[0] + "." + part[1] + "." + encode(make([]byte, 64)),
		"role raised":                      part[0] + "." + encode([]byte(strings.Replace(payload, `"user"`, `"admin"`, 1))) + "." + part[2],
		"another session":                  part[0] + "." + encode([]byte(strings.Replace(payload, string(h.id), string(browser.session()), 1))) + "." + part[2],
		"HMAC with the public key":         hmacOf(public),
		"HMAC with the public key as text": hmacOf([]byte(keys.Keys[0].X)),
		"HMAC with the key set":            hmacOf(w.Keyring.JWKS()),
		"a key in its header":              head(`"typ":"at+jwt","kid":"`+header.KID+`","jwk":{"kty":"OKP"}`) + "." + part[1] + "." + part[2],
		"jku":                              head(`"typ":"at+jwt","kid":"`+header.KID+`","jku":"http://127.0.0.1:1/"`) + "." + part[1] + "." + part[2],
		"kid is a path":                    head(`"typ":"at+jwt","kid":"../../dev/null"`) + "." + part[1] + "." + part[2],
		"another typ":                      head(`"typ":"JWT","kid":"`+header.KID+`"`) + "." + part[1] + "." + part[2],
		"dots":                             strings.Repeat(".", 3000),
		"a refresh token":                  h.refresh,
		"the token of a cookie":            browser.cookies["__Host-session"].Value,
		"a session id":                     string(h.id),
		"the id of a session in a cookie":  inCookie,
		"another user's id":                ofOther,
		"for another audience":             forOther,
		"twice":                            h.access + "," + h.access,
		"a tab before":                     "\t" + h.access,
		"in quotes":                        `"` + h.access + `"`,
		"with its scheme again":            "Bearer " + h.access,
	} {
		p := w.client().program(t)
		p.cookies["__Host-session"] = browser.cookies["__Host-session"]
		p.header.Set("Authorization", "Bearer "+text)
		a := p.get("/api/v1/me").problem(401, "access-token")
		if got := a.Header().Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` || len(a.Result().Cookies()) != 0 {
			t.Errorf("%s: WWW-Authenticate %q, cookies %v", name, got, a.Result().Cookies())
		}
		p.send("POST", "/api/v1/sessions/end-others", "").problem(401, "access-token")
		p.get("/api/v1/admin/users").problem(401, "access-token")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	other := "A"
	if h.refresh[100] == 'A' { // as in one of 64
		other = "B"
	}
	for name, refresh := range map[string]string{
		"an access token": h.access, "nothing": "", "the token of a cookie": browser.cookies["__Host-session"].Value,
		"a session id": string(h.id), "flipped": h.refresh[:100] + other + h.refresh[101:], "long": strings.Repeat("A", 60_000),
	} {
		a := h.spend(refresh).problem(401, "refresh-token")
		if t.Failed() {
			t.Fatal(name, a.Body)
		}
	}
	h.isIn()
	browser.isIn(t)
	if !strings.Contains(w.log.String(), "it names a session in a cookie") || strings.Contains(w.log.String(), part[2]) {
		t.Error("the log does not say why, or shows a token")
	}
}

// A JWT in the cookie is nothing, nor is anything of a bearer session, and a
// token in the query or in a body is not read.
func TestBearerAttackInTheWrongPlace(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	for _, value := range []string{h.access, h.refresh, string(h.id), strings.Split(h.access, ".")[2]} {
		p := w.client().program(t)
		p.cookies["__Host-session"] = &http.Cookie{Name: "__Host-session", Value: value}
		if a := p.get("/api/v1/me"); a.Code != 401 {
			t.Errorf("%.20s… in the cookie: %d", value, a.Code)
		}
	}
	p := w.client().program(t)
	p.get("/api/v1/me?access_token="+h.access).problem(401, "unauthorized")
	p.get("/api/v1/me?Authorization=Bearer+"+h.access).problem(401, "unauthorized")
	p.send("POST", "/api/v1/sessions/end-others", `{"access_token":"`+h.access+`"}`).problem(401, "unauthorized")
	if strings.Contains(w.log.String(), h.access) {
		t.Error("a token is in the log")
	}
	// A page has no use for it, and the event stream of pages neither.
	c := w.client()
	c.header.Set("Authorization", "Bearer "+h.access)
	wantRedirect(t, c.get("/mypage"), "/login?next=%2Fmypage")
	wantStatus(t, c.get("/mypage/events"), http.StatusUnauthorized)
	wantRedirect(t, c.post("/mypage/sessions/end-others"), "/login?next=%2Fmypage")
	browser := w.loggedIn("alice")
	browser.header.Set("Authorization", "Basic cHJveHk6cHc=") // the password of a proxy in front
	browser.isIn(t)
}

// One header, one scheme in any case, one token.
func TestBearerAuthorizationHeader(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	for value, want := range map[string]string{
		"bearer " + h.access: "", "BEARER " + h.access: "", "bEaReR " + h.access: "", "Bearer   " + h.access: "",
		"Bearer": "access-token", "Bearer ": "access-token", "Bearer\t" + h.access: "unauthorized", "Bearer" + h.access: "unauthorized",
		"": "unauthorized", h.access: "unauthorized", "Token " + h.access: "unauthorized", "Basic " + h.access: "unauthorized", "DPoP " + h.access: "unauthorized",
		"Bearer " + h.access + " ": "access-token", "Bearer " + h.access + ", Basic x": "access-token",
	} {
		p := w.client().program(t)
		p.header["Authorization"] = []string{value}
		a := p.get("/api/v1/me")
		if want == "" {
			a.want(200, "username", "alice")
		} else {
			a.problem(401, want)
		}
		challenge := map[string]string{"access-token": `Bearer error="invalid_token"`, "unauthorized": "Bearer"}[want]
		if got := a.Header().Get("WWW-Authenticate"); got != challenge {
			t.Errorf("%.20q: WWW-Authenticate %q", value, got)
		}
		if t.Failed() {
			t.Fatalf("%.30q", value)
		}
	}
	p := w.client().program(t)
	p.header["Authorization"] = []string{"Bearer " + h.access, "Bearer " + h.access}
	p.get("/api/v1/me").problem(401, "access-token")
	p.header["Authorization"] = []string{"Basic x", "Bearer " + h.access}
	p.get("/api/v1/me").problem(401, "access-token")
}

// With the header Authorization the cookie is as if it were not there: it is
// neither believed nor cleared.
func TestBearerBesideACookie(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	w.account("bobby", user.RoleUser)
	alice := w.loggedIn("alice")
	bob := w.holder(t, "bobby")
	both := alice.program(t)
	both.header.Set("Authorization", "Bearer "+bob.access)
	both.get("/api/v1/me").want(200, "username", "bobby")
	if got := both.get("/api/v1/sessions").ids(); !slices.Equal(got, []string{string(bob.id)}) {
		t.Errorf("sessions %v", got)
	}
	both.send("POST", "/api/v1/logout", "").want(200, "ended", 1)
	both.get("/api/v1/me").problem(401, "session-ended")
	both.send("POST", "/api/v1/logout", "").want(200, "already_gone", 1)
	both.header.Set("Authorization", "Bearer junk")
	both.get("/api/v1/me").problem(401, "access-token")
	both.send("POST", "/api/v1/logout", "").problem(401, "access-token")
	// A refresh says nothing about a cookie either.
	both.header.Del("Authorization")
	both.send("POST", "/api/v1/refresh", fmt.Sprintf(`{"refresh_token":%q}`, bob.refresh)).problem(401, "session-ended")
	if both.cookies["__Host-session"] == nil {
		t.Fatal("the cookie is cleared")
	}
	alice.isIn(t)
	// A log-in for tokens leaves the browser's session alone, and the other way
	// round.
	both.send("POST", "/api/v1/login", bearerLogin("alice")).want(200)
	alice.isIn(t)
	carol := w.holder(t, "bobby")
	carol.send("POST", "/api/v1/login", credentials("bobby")).want(200)
	delete(carol.cookies, "__Host-session")
	carol.isIn()
}

// Another site's page can send no access token by itself, so whoever shows one
// may come from anywhere. It opens nothing for the cookie.
func TestBearerAttackFromAnotherSite(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h, victim := w.holder(t, "alice"), w.loggedIn("alice").program(t)
	h.header.Set("Origin", "https://evil.example")
	h.header.Set("Sec-Fetch-Site", "cross-site")
	h.send("DELETE", "/api/v1/sessions/"+string(w.holder(t, "alice").id), "").want(200)
	h.isIn()
	for _, authorization := range []string{"", "Basic YWxpY2U6cHc=", "Bearer junk"} {
		victim.header = http.Header{"Origin": {"https://evil.example"}}
		want := "cross-origin"
		if authorization != "" {
			victim.header.Set("Authorization", authorization)
		}
		if strings.HasPrefix(authorization, "Bearer") {
			want = "access-token"
		}
		status := map[string]int{"cross-origin": 403, "access-token": 401}[want]
		victim.send("POST", "/api/v1/sessions/end-others", "").problem(status, want)
		victim.send("POST", "/api/v1/logout", "").problem(status, want)
		// Nobody is logged in to an attacker's account.
		victim.send("POST", "/api/v1/login", credentials("alice")).problem(403, "cross-origin")
	}
	victim.header = http.Header{}
	victim.get("/api/v1/me").want(200)
	h.isIn()
}

// A megabyte of token is refused before anything is done with it.
func TestBearerAttackMegabyte(t *testing.T) {
	w := newWorld(t)
	w.account("alice", user.RoleUser)
	h := w.holder(t, "alice")
	best := time.Hour
	for range 20 { // the best one: others may be using the machine
		r := httptest.NewRequest("GET", "/api/v1/me", nil)
		r.Header.Set("Authorization", "Bearer "+h.access+strings.Repeat("A", 1<<20))
		rec := httptest.NewRecorder()
		began := time.Now()
		w.ServeHTTP(rec, r)
		best = min(best, time.Since(began))
		if rec.Code != 401 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	if best > time.Millisecond {
		t.Errorf("refused in %v", best)
	}
}
