package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// asker is another service that asks about tokens. Every answer it gets is held
// against the OpenAPI document.
type asker struct {
	*client
	t          *testing.T
	d          *document
	id, secret string
}

// service adds a client called id.
func (w *world) service(t *testing.T, id string) *asker {
	t.Helper()
	c, secret, err := oauth.NewClient(id, w.Now())
	must(t, err)
	must(t, w.db.Clients().Add(context.Background(), c))
	a := &asker{client: w.client(), t: t, d: openAPIDocument(t), id: id, secret: secret}
	a.shows(id, secret)
	return a
}

// shows makes the service show these credentials, as they are.
func (a *asker) shows(id, secret string) {
	a.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}

func (a *asker) ask(target, body string) (*httptest.ResponseRecorder, map[string]any) {
	a.t.Helper()
	r := a.do("POST", target, strings.NewReader(body))
	path, _, _ := strings.Cut(target, "?")
	op, ok := a.d.find("POST", path)
	if !ok {
		a.t.Fatalf("%s is not in the document", path)
	}
	if err := a.d.check(op, r.Code, r.Header().Get("Content-Type"), r.Body.Bytes()); err != nil {
		a.t.Errorf("%s: %v\n%s", target, err, r.Body)
	}
	if r.Header().Get("Cache-Control") != "no-store" || r.Header().Get("Set-Cookie") != "" {
		a.t.Errorf("%s: Cache-Control %q, Set-Cookie %q", target, r.Header().Get("Cache-Control"), r.Header().Get("Set-Cookie"))
	}
	var v map[string]any
	must(a.t, json.Unmarshal(r.Body.Bytes(), &v))
	return r, v
}

// asks returns the answer about a token.
func (a *asker) asks(text string) map[string]any {
	a.t.Helper()
	r, v := a.ask("/oauth/introspect", url.Values{"token": {text}}.Encode())
	wantStatus(a.t, r, http.StatusOK)
	return v
}

// isNothing fails the test unless the answer says that the token does not count,
// and no more than that.
func (a *asker) isNothing(what, text string) {
	a.t.Helper()
	if diff := cmp.Diff(map[string]any{"active": false}, a.asks(text)); diff != "" {
		a.t.Errorf("%s:\n%s", what, diff)
	}
}

func (a *asker) revokes(text string) {
	a.t.Helper()
	r, v := a.ask("/oauth/revoke", url.Values{"token": {text}}.Encode())
	if r.Code != http.StatusOK || len(v) != 0 {
		a.t.Errorf("revocation: %d, %v", r.Code, v)
	}
}

// refused checks status and code of an error.
func refused(t *testing.T, what string, r *httptest.ResponseRecorder, v map[string]any, status int, code string) {
	t.Helper()
	if r.Code != status || v["error"] != code {
		t.Errorf("%s: %d %v, want %d %s", what, r.Code, v, status, code)
	}
	if challenge := r.Header().Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Basic ") != (status == http.StatusUnauthorized) {
		t.Errorf("%s: %d with the challenge %q", what, status, challenge)
	}
}

// begun starts a session that travels in tokens.
func (w *world) begun(u user.User) (one session.Session, access, refresh string) {
	w.t.Helper()
	u, err := w.UserStore.ByID(context.Background(), u.ID)
	must(w.t, err)
	one, refresh, err = w.Sessions.StartBearer(context.Background(), session.New{User: u})
	must(w.t, err)
	access, _, err = w.Issuer.Issue(one)
	must(w.t, err)
	return one, access, refresh
}

func TestIntrospectionTellsOfLiveTokens(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleAdmin)
	reports := w.service(t, "reports")
	one, access, refresh := w.begun(u)
	now := float64(w.Now().Unix())
	got := reports.asks(access)
	id, _ := got["jti"].(string)
	if len(id) != 22 {
		t.Errorf("jti %q", id)
	}
	common := map[string]any{"active": true, "iss": publicURL, "sub": string(u.ID), "sid": string(one.ID), "client_id": "gatehouse", "role": "admin", "iat": now}
	want := func(more map[string]any) map[string]any {
		for name, v := range common {
			more[name] = v
		}
		return more
	}
	if diff := cmp.Diff(want(map[string]any{"token_type": "Bearer", "aud": publicURL, "jti": id, "exp": now + 60}), got); diff != "" {
		t.Errorf("access token:\n%s", diff)
	}
	if diff := cmp.Diff(want(map[string]any{"token_type": "refresh_token", "exp": float64(one.Ends().Unix())}), reports.asks(refresh)); diff != "" {
		t.Errorf("refresh token:\n%s", diff)
	}
	// A hint, right or wrong, changes nothing; parameters we do not know neither.
	for _, hint := range []string{"access_token", "refresh_token", "made_up", ""} {
		if _, v := reports.ask("/oauth/introspect", url.Values{"token": {access}, "token_type_hint": {hint}, "more": {"x"}}.Encode()); v["active"] != true {
			t.Errorf("hint %q: %v", hint, v)
		}
	}
	// Asking spends nothing and keeps nothing alive.
	if _, _, err := w.Sessions.Refresh(context.Background(), refresh); err != nil {
		t.Errorf("the refresh token is spent: %v", err)
	}
	w.clock.advance(50 * time.Minute)
	before := w.lastSeen(one.ID)
	_ = reports.asks(refresh)
	if after := w.lastSeen(one.ID); !after.Equal(before) {
		t.Errorf("introspection moved the idle deadline from %v to %v", before, after)
	}
}

func (w *world) lastSeen(id session.ID) time.Time {
	w.t.Helper()
	s, err := w.Sessions.Check(context.Background(), id)
	must(w.t, err)
	return s.LastSeen
}

// Every end reaches introspection at once, both tokens, and it says no more than
// that they do not count.
func TestIntrospectionOfAnEndedSessionIsNothing(t *testing.T) {
	w := newWorld(t)
	reports := w.service(t, "reports")
	ctx := context.Background()
	for name, end := range map[string]func(u user.User, one session.Session, refresh string) error{
		"logout": func(u user.User, one session.Session, _ string) error {
			_, err := w.Sessions.End(ctx, []session.ID{one.ID}, session.Why{Reason: session.Logout, Actor: u.ID})
			return err
		},
		"forced": func(u user.User, _ session.Session, _ string) error {
			_, err := w.Sessions.EndUser(ctx, u.ID, "", session.Why{Reason: session.Forced})
			return err
		},
		"everybody": func(user.User, session.Session, string) error {
			_, err := w.Sessions.EndAll(ctx, session.Why{Reason: session.Forced})
			return err
		},
		"disabled": func(u user.User, _ session.Session, _ string) error {
			epoch, err := w.UserStore.Disable(ctx, u.ID, user.Change{At: w.Now()})
			must(t, err)
			_, err = w.Sessions.EndUserAt(ctx, u.ID, epoch, "", session.Why{Reason: session.Disabled})
			return err
		},
		"renewed": func(u user.User, one session.Session, _ string) error {
			_, _, err := w.Sessions.RenewBearer(ctx, one, one.Epoch)
			return err
		},
		"reuse": func(_ user.User, _ session.Session, refresh string) error {
			next := refresh
			for range 2 {
				var err error
				if _, next, err = w.Sessions.Refresh(ctx, next); err != nil {
					return err
				}
			}
			var ended *session.EndedError
			if _, _, err := w.Sessions.Refresh(ctx, refresh); !errors.As(err, &ended) {
				return fmt.Errorf("reuse: %w", err)
			}
			return nil
		},
	} {
		u := w.account("u-"+name, user.RoleUser)
		one, access, refresh := w.begun(u)
		if reports.asks(access)["active"] != true || reports.asks(refresh)["active"] != true {
			t.Fatalf("%s: not active before", name)
		}
		must(t, end(u, one, refresh))
		reports.isNothing("access token, "+name, access)
		reports.isNothing("refresh token, "+name, refresh)
	}
	// Both deadlines, and the token's own.
	u := w.account("slow", user.RoleUser)
	_, access, refresh := w.begun(u)
	w.clock.advance(time.Minute)
	reports.isNothing("expired access token", access)
	if reports.asks(refresh)["active"] != true {
		t.Error("the refresh token has gone with the access token")
	}
	w.clock.advance(time.Hour)
	reports.isNothing("refresh token of a session past its idle deadline", refresh)
}

func TestIntrospectionOfWhatIsNoToken(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleUser)
	reports := w.service(t, "reports")
	browser := w.loggedIn("alice")
	one, access, refresh := w.begun(u)
	// An access token of ours for a session in a cookie: nobody was given one.
	inCookie, err := w.Sessions.Check(context.Background(), browser.session())
	must(t, err)
	forCookie, _, err := w.Issuer.Issue(inCookie)
	must(t, err)
	stolen := one
	stolen.User = w.account("mallory", user.RoleUser).ID
	forOther, _, err := w.Issuer.Issue(stolen)
	must(t, err)
	body, signature := access[:strings.LastIndex(access, ".")], access[strings.LastIndex(access, "."):]
	broken := ".A"
	if strings.HasPrefix(signature, broken) {
		broken = ".B"
	}
	for what, text := range map[string]string{
		"a cookie":                         browser.cookies["__Host-session"].Value,
		"a session id":                     string(one.ID),
		"an access token for a cookie":     forCookie,
		"an access token for another user": forOther,
		"no signature":                     body + ".",
		"a broken signature":               body + broken + signature[2:],
		"cut":                              access[:len(access)-1],
		"a refresh token cut":              refresh[1:],
		"a dot":                            ".",
		"dots":                             strings.Repeat(".", 5000),
		"a line break":                     access + "\n",
		"a NUL":                            refresh + "\x00",
		"words":                            "not a token",
		"two tokens":                       access + " " + refresh,
		"long":                             strings.Repeat("A", 60_000),
	} {
		reports.isNothing(what, text)
	}
	// And none of it has hurt anybody.
	if reports.asks(access)["active"] != true || reports.asks(refresh)["active"] != true {
		t.Error("the tokens count no more")
	}
	wantStatus(t, browser.get("/mypage"), http.StatusOK)
}

func TestRevocationEndsTheWholeSession(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleUser)
	reports := w.service(t, "reports")
	_, otherAccess, _ := w.begun(u)
	for _, kind := range []string{"access", "refresh", "the refresh token before, within the grace"} {
		one, access, refresh := w.begun(u)
		shown := map[string]string{"access": access, "refresh": refresh}[kind]
		if shown == "" {
			shown = refresh
			_, next, err := w.Sessions.Refresh(context.Background(), refresh)
			must(t, err)
			refresh = next
		}
		reports.revokes(shown)
		reports.isNothing(kind+": access", access)
		reports.isNothing(kind+": refresh", refresh)
		_, err := w.Sessions.Check(context.Background(), one.ID)
		var ended *session.EndedError
		if !errors.As(err, &ended) || ended.Reason != session.Logout {
			t.Errorf("%s: the session: %v", kind, err)
		}
		reports.revokes(shown) // again does no harm
	}
	if reports.asks(otherAccess)["active"] != true {
		t.Error("another session of the user has ended, too")
	}
	events, err := w.Audit.Recent(context.Background(), u.ID, 10)
	must(t, err)
	if len(events) != 3 {
		t.Errorf("%d events of 3 revocations, three of them repeated", len(events))
	}
	for _, e := range events {
		if e.Kind != audit.Logout || e.Actor != u.ID || e.Detail.Service != "reports" || e.Detail.Ended != 1 {
			t.Errorf("%+v", e)
		}
	}
	// What does not count is revoked already: 200, and nothing happens.
	browser := w.loggedIn("alice")
	for _, text := range []string{"nothing", "a.b.c", browser.cookies["__Host-session"].Value, string(browser.session()), strings.Repeat("A", 112)} {
		reports.revokes(text)
	}
	wantStatus(t, browser.get("/mypage"), http.StatusOK)
	if strings.Contains(w.log.String(), otherAccess) {
		t.Error("a token is in the log")
	}
}

// Who revokes a spent refresh token is told 200, and is not taken for a thief.
func TestRevocationOfASpentTokenEndsNothing(t *testing.T) {
	w := newWorld(t)
	u := w.account("alice", user.RoleUser)
	reports := w.service(t, "reports")
	_, _, refresh := w.begun(u)
	_, next, err := w.Sessions.Refresh(context.Background(), refresh)
	must(t, err)
	w.clock.advance(session.RefreshGrace)
	reports.revokes(refresh)
	if reports.asks(next)["active"] != true {
		t.Error("it has ended the session")
	}
}

// away is a store of clients that does not answer.
type away struct{ oauth.Clients }

func (away) ByID(context.Context, string) (oauth.Client, error) {
	return oauth.Client{}, fmt.Errorf("wrapped: %w", oauth.ErrUnavailable)
}

// A store that does not answer is never "active" nor "not active", and nobody is
// told "revoked" who is not (I6).
func TestI6IntrospectionWithoutAStoreIs503(t *testing.T) {
	for name, breakIt := range map[string]func(*world){
		"clients": func(w *world) { w.Clients = away{} },
		"sessions": func(w *world) {
			w.Sessions = session.NewManager(awayStore{}, w.db.Ledger(), w.Sessions.Limits(), w.Now, session.WithRefreshKey(refreshKey))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			u := w.account("alice", user.RoleUser)
			reports := w.service(t, "reports")
			one, access, refresh := w.begun(u)
			sessions := w.Sessions
			breakIt(w)
			for _, text := range []string{access, refresh} {
				for _, target := range []string{"/oauth/introspect", "/oauth/revoke"} {
					r, v := reports.ask(target, url.Values{"token": {text}}.Encode())
					refused(t, target, r, v, http.StatusServiceUnavailable, "temporarily_unavailable")
					if r.Header().Get("Retry-After") == "" {
						t.Error("503 without Retry-After")
					}
				}
			}
			if _, err := sessions.Check(context.Background(), one.ID); err != nil {
				t.Errorf("the session: %v", err)
			}
		})
	}
}
