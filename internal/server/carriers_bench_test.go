package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// oneRecord is a store that knows one session and takes no time.
type oneRecord struct {
	session.Store
	record session.Session
}

func (o oneRecord) Find(context.Context, session.ID) (session.Session, error) { return o.record, nil }

// bothCarriers makes an account of that role, with a session in a browser and one
// of a client, and an access token for that.
func (w *world) bothCarriers(b *testing.B, role user.Role) (browser *client, cookie, bearer session.Session, access string) {
	ctx := context.Background()
	u := w.account("alice", role)
	browser = w.loggedIn("alice")
	cookie, err := w.Sessions.Check(ctx, browser.session())
	must(b, err)
	bearer, _, err = w.Sessions.StartBearer(ctx, session.New{User: u})
	must(b, err)
	access, _, err = w.Issuer.Issue(bearer)
	must(b, err)
	return browser, cookie, bearer, access
}

// BenchmarkCarriers: what it costs to find out whose a request is, by each
// carrier, and what each adds to the request. "Without a store" leaves out what
// both ask of it, so that the difference can be seen; "signature" verifies each
// token anew, as the first time that a node sees it. A JWT alone knows nothing of
// ends.
func BenchmarkCarriers(b *testing.B) {
	w := newWorld(b)
	ctx := context.Background()
	browser, cookie, bearer, access := w.bothCarriers(b, user.RoleUser)
	forgetful, err := token.NewVerifier(w.Keyring, parties, 0)
	must(b, err)
	whole, remembering := w.Sessions, w.Verifier
	run := func(name, header, value string, sessions *session.Manager, verifier *token.Verifier) {
		b.Run(name, func(b *testing.B) {
			w.Server.Sessions, w.Server.Verifier = sessions, verifier
			w.cookies = session.NewCookies(sessions, "__Host-session", true)
			done := 0
			h := w.requireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { done++ }))
			r := httptest.NewRequest("GET", "/api/v1/me", nil)
			r.Header.Set(header, value)
			rec := httptest.NewRecorder()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				x := &exchange{Visit: session.Visit{Context: ctx}, byToken: header == "Authorization"}
				h.ServeHTTP(rec, r.WithContext(x)) // as begin does
				n++
			}
			if done != n {
				b.Fatalf("%d of %d let through", done, n)
			}
			b.ReportMetric(float64(len(fmt.Sprintf("%s: %s\r\n", header, value))), "wire-B/req")
		})
	}
	still := func(record session.Session) *session.Manager {
		return session.NewManager(oneRecord{record: record}, w.db.Ledger(), w.Sessions.Limits(), w.clock.Now)
	}
	sent := "__Host-session=" + browser.cookies["__Host-session"].Value
	run("cookie/SQLite", "Cookie", sent, whole, remembering)
	run("bearer/SQLite", "Authorization", "Bearer "+access, whole, remembering)
	run("bearer/SQLite, signature", "Authorization", "Bearer "+access, whole, forgetful)
	run("cookie/without a store", "Cookie", sent, still(cookie), remembering)
	run("bearer/without a store", "Authorization", "Bearer "+access, still(bearer), remembering)
	run("bearer/without a store, signature", "Authorization", "Bearer "+access, still(bearer), forgetful)
	b.Run("JWT alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := forgetful.Verify(ctx, access); err != nil {
				b.Fatal(err)
			}
		}
	})
}
