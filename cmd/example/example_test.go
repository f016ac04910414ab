package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/cmd/example/guard"
	"gatehouse/internal/testenv"
)

// other is the other service, running.
type other struct {
	t *testing.T
	*httptest.Server
}

func startOther(t *testing.T, tokens guard.Checker, err error) *other {
	t.Helper()
	must(t, err)
	s := httptest.NewServer(service(tokens, slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return &other{t, s}
}

func (g *gatehouse) offline() *other {
	g.t.Helper()
	o, err := guard.NewOffline(g.url, g.url)
	return startOther(g.t, o, err)
}

func (g *gatehouse) online(id, secret string) *other {
	g.t.Helper()
	o, err := guard.NewOnline(g.url, g.url, id, secret, 0)
	return startOther(g.t, o, err)
}

// hello asks with a token and returns status and answer.
func (o *other) hello(token string) (status int, answer map[string]string) {
	o.t.Helper()
	r, err := http.NewRequest("GET", o.URL+"/hello", nil)
	must(o.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(r)
	must(o.t, err)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	must(o.t, err)
	if a.StatusCode == http.StatusOK {
		must(o.t, json.Unmarshal(text, &answer))
	}
	return a.StatusCode, answer
}

// verdict is hello until the answer is not 503, as on a busy machine.
func (o *other) verdict(token string) (int, map[string]string) {
	o.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		status, answer := o.hello(token)
		if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return status, answer
		}
	}
}

// lets fails the test unless the service lets a user in by one, or by what follows
// it if the machine was too busy for so short a life.
func (o *other) lets(g *gatehouse, one *tokens) {
	o.t.Helper()
	status, answer := o.verdict(one.Access)
	for status == http.StatusUnauthorized && !time.Now().Before(expires(o.t, one.Access)) {
		*one = g.refresh(*one)
		status, answer = o.verdict(one.Access)
	}
	if status != http.StatusOK || answer["session"] != one.Session || answer["role"] != "user" || len(answer["user"]) != 22 {
		o.t.Errorf("%d %v, want 200 of session %s", status, answer, one.Session)
	}
}

func (o *other) refuses(what, token string) {
	o.t.Helper()
	if status, _ := o.verdict(token); status != http.StatusUnauthorized {
		o.t.Errorf("%s: %d, want 401", what, status)
	}
}

// brokenSignature returns the token with a signature that differs in one place.
func brokenSignature(token string) string {
	i := strings.LastIndex(token, ".") + 1
	other := "A"
	if token[i] == 'A' {
		other = "B"
	}
	return token[:i] + other + token[i+1:]
}

// says returns what a token says, unverified.
func says(t *testing.T, token string, part int) (m map[string]any) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	must(t, err)
	must(t, json.Unmarshal(text, &m))
	return m
}

// expires returns when a token does.
func expires(t *testing.T, token string) time.Time {
	t.Helper()
	return time.Unix(int64(says(t, token, 1)["exp"].(float64)), 0)
}

// TestOtherService: both ways let in who is in and nobody else, on both set-ups;
// an ended session is out at once for who asks, and for who does not as soon as
// its token has expired.
func TestOtherService(t *testing.T) {
	for name, env := range map[string]func(t *testing.T) []string{
		"embedded": func(*testing.T) []string { return nil },
		"Redis and PostgreSQL": func(t *testing.T) []string {
			return []string{"GATEHOUSE_DATABASE_URL=" + testenv.Postgres(t), "GATEHOUSE_REDIS_URL=" + testenv.SharedRedis(t)}
		},
		"ES256": func(*testing.T) []string { return []string{"GATEHOUSE_TOKEN_ALG=ES256"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGatehouse(t, append(env(t), "GATEHOUSE_TOKEN_LIFETIME=5s")...)
			g.signUp("kim")
			offline, online := g.offline(), g.online("reports", g.client("reports"))
			one, stays := g.logIn("kim"), g.logIn("kim")
			for _, o := range []*other{offline, online} {
				o.lets(g, &one)
				o.refuses("no token", "")
				o.refuses("a refresh token", one.Refresh)
				o.refuses("a session id", one.Session)
				o.refuses("a broken signature", brokenSignature(one.Access))
			}
			one = g.refresh(one)
			offline.lets(g, &one)
			g.command("session", "end", "--id="+one.Session)
			online.refuses("a session that has ended", one.Access)
			// What has begun after exp is refused; before, it may go either way.
			exp := expires(t, one.Access)
			g.eventually("the token has expired", func() bool {
				late := !time.Now().Before(exp)
				status, _ := offline.hello(one.Access)
				if late && status != http.StatusUnauthorized {
					t.Fatalf("%d after its token has expired", status)
				}
				return late
			})
			// The other session is as it was.
			offline.lets(g, &stays)
			online.lets(g, &stays)
		})
	}
}

// TestOtherServiceKeyRotation: whatever key signs, now or next, nobody is shut
// out for it.
func TestOtherServiceKeyRotation(t *testing.T) {
	t.Parallel()
	g := startGatehouse(t)
	g.signUp("kim")
	offline, online := g.offline(), g.online("reports", g.client("reports"))
	one := g.logIn("kim")
	first := says(t, one.Access, 0)["kid"]
	offline.lets(g, &one)
	g.command("key", "rotate", "--now")
	g.eventually("the next key signs", func() bool {
		one = g.refresh(one)
		offline.lets(g, &one)
		online.lets(g, &one)
		return says(t, one.Access, 0)["kid"] != first
	})
	// A key is taken away without notice: its tokens fall, and those by the next
	// one count, as soon as the list may be read again.
	second := says(t, one.Access, 0)["kid"].(string)
	g.command("key", "revoke", second)
	g.eventually("another key signs", func() bool {
		one = g.refresh(one)
		return says(t, one.Access, 0)["kid"] != second
	})
	g.eventually("the other service knows it", func() bool {
		status, _ := offline.hello(one.Access)
		if status == http.StatusUnauthorized {
			t.Fatal("a good token was refused for its new key")
		}
		return status == http.StatusOK
	})
	online.lets(g, &one)
}

// TestOtherServiceWhileGatehouseIsAway: with its keys known a service that does
// not ask goes on; one that asks, or does not know the keys, cannot tell.
func TestOtherServiceWhileGatehouseIsAway(t *testing.T) {
	t.Parallel()
	g := startGatehouse(t, "GATEHOUSE_TOKEN_LIFETIME=15m")
	g.signUp("kim")
	offline, late, online := g.offline(), g.offline(), g.online("reports", g.client("reports"))
	one := g.logIn("kim")
	offline.lets(g, &one)
	online.lets(g, &one)
	g.stop()
	offline.lets(g, &one)
	for name, o := range map[string]*other{"asks": online, "knows no keys": late} {
		if status, _ := o.hello(one.Access); status != http.StatusServiceUnavailable {
			t.Errorf("the service that %s: %d, want 503", name, status)
		}
	}
	offline.refuses("a broken signature", brokenSignature(one.Access))
}

// TestOtherServiceWithoutCredentials: a client that was deleted, or has the wrong
// secret, learns nothing, and lets nobody in.
func TestOtherServiceWithoutCredentials(t *testing.T) {
	t.Parallel()
	g := startGatehouse(t)
	g.signUp("kim")
	secret := g.client("reports")
	online, wrong := g.online("reports", secret), g.online("reports", secret[1:]+"A")
	one := g.logIn("kim")
	online.lets(g, &one)
	if status, _ := wrong.hello(one.Access); status != http.StatusServiceUnavailable {
		t.Errorf("with a wrong secret: %d, want 503", status)
	}
	g.command("client", "delete", "reports")
	if status, _ := online.hello(one.Access); status != http.StatusServiceUnavailable {
		t.Errorf("after client delete: %d, want 503", status)
	}
}

// TestRun starts the example as its user would.
func TestRun(t *testing.T) {
	t.Parallel()
	g := startGatehouse(t)
	g.signUp("kim")
	secret, one := g.client("reports"), g.logIn("kim")
	for name, args := range map[string][]string{
		"offline": nil,
		"online":  {"-client-id", "reports", "-keep", "1s"},
	} {
		ctx, stop := context.WithCancel(context.Background())
		out, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
		must(t, err)
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, append([]string{"-addr", "127.0.0.1:0", "-issuer", g.url}, args...), secret, out, io.Discard)
		}()
		var addr string
		g.eventually("the example listens", func() bool {
			text, err := os.ReadFile(out.Name())
			must(t, err)
			if found := regexp.MustCompile(`listening on (\S+)\n`).FindSubmatch(text); found != nil {
				addr = string(found[1])
			}
			return addr != ""
		})
		o := &other{t, &httptest.Server{URL: "http://" + addr}}
		o.lets(g, &one)
		o.refuses("nothing", "")
		stop()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out.Close()
	}
	for _, args := range [][]string{{"-issuer", "http://id.example"}, {"-client-id", "reports", "-issuer", ""}, {"-nonsense"}, {"-addr", "nowhere"}} {
		if err := run(t.Context(), args, secret, io.Discard, io.Discard); err == nil {
			t.Errorf("%q: it starts", args)
		}
	}
	if err := run(t.Context(), []string{"-client-id", "reports"}, "", io.Discard, io.Discard); err == nil {
		t.Error("it asks without a secret")
	}
}
