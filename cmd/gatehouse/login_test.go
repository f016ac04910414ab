package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// terminal is where somebody types commands that use a log-in.
type terminal struct {
	t      testing.TB
	folder string
}

// command returns a command as a process of its own.
func (c terminal) command(args ...string) *exec.Cmd {
	cmd := exec.Command("gatehouse", args...)
	cmd.Env = append(os.Environ(), "GATEHOUSE_CONFIG_DIR="+c.folder, "GORACE="+goRace)
	return cmd
}

// logIn logs in at n and makes sure that nothing secret is printed.
func (c terminal) logIn(n *node, name string) {
	c.t.Helper()
	cmd := c.command("login", n.url, "--username="+name, "--password-stdin")
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "logged in at "+n.url+" as "+name+"\n" {
		c.t.Fatalf("%v: %s", err, out)
	}
}

// kept returns what is kept of the only log-in.
func (c terminal) kept() (l struct {
	RenewAt      time.Time `json:"renew_at"`
	RefreshToken string    `json:"refresh_token"`
}) {
	c.t.Helper()
	names, err := filepath.Glob(filepath.Join(c.folder, "*.json"))
	if err != nil || len(names) != 1 {
		c.t.Fatal(names, err)
	}
	text, err := os.ReadFile(names[0])
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return l
}

// Commands run at once when the access token runs out, and some are killed: the
// log-in stays, as one session.
func TestCommandsAtOnceNeverLoseTheLogIn(t *testing.T) {
	t.Parallel()
	const rounds, atOnce, killed = 3, 20, 5
	inBothSetUps(t, func(t *testing.T, first, other *node) {
		newClient(t).signUp(other, "kim")
		c := terminal{t, filepath.Join(t.TempDir(), "kept")}
		c.logIn(first, "kim")
		began := c.kept()
		for round := range rounds {
			before := c.kept()
			eventually(t, "the access token is near its end", func() bool { return time.Now().After(before.RenewAt) })
			var running sync.WaitGroup
			for n := range atOnce {
				cmd := c.command("whoami")
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if n < killed {
					time.AfterFunc(rand.N(time.Second), func() { cmd.Process.Kill() }) // or it has ended
				}
				running.Go(func() {
					err := cmd.Wait()
					if want := "kim, user at " + first.url + "\n"; n >= killed && (err != nil || out.String() != want) {
						t.Errorf("round %d, process %d: %v: %s", round, n, err, &out)
					}
				})
			}
			running.Wait()
			if out, err := c.command("whoami").CombinedOutput(); err != nil {
				t.Fatalf("after round %d: %v: %s", round, err, out)
			}
			if c.kept().RefreshToken == before.RefreshToken {
				t.Errorf("round %d: nothing was refreshed", round)
			}
		}
		if _, list, _ := first.command(t, "", "session", "list", "--carrier=bearer"); strings.Count(list, "\n") != 2 {
			t.Errorf("sessions:\n%s", list)
		}
		if _, log, _ := first.command(t, "", "audit", "list"); strings.Contains(log, began.RefreshToken) || strings.Contains(first.stderr.String(), began.RefreshToken) {
			t.Error("a token is in the audit log or the log")
		}

		// What was spent first is of no use to a thief, but for ending it all.
		eventually(t, "the server has judged it", func() bool { // a store may be slow
			status, _, _, err := callAPI(first, "POST", "/api/v1/refresh", "", `{"refresh_token":"`+began.RefreshToken+`"}`)
			return err == nil && status == 401
		})
		out, err := c.command("whoami").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "has ended: For safety") {
			t.Errorf("%v: %s", err, out)
		}
	}, "GATEHOUSE_TOKEN_LIFETIME", "4s")
}

// The proxy of the environment is used, over plain http only if that was asked
// for, and a password in its address is not repeated.
func TestLoginThroughAProxy(t *testing.T) {
	t.Parallel()
	n := startNode(t, embedded(t))
	newClient(t).signUp(n, "kim")
	target, err := url.Parse(n.url)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "id.example.test" {
			t.Errorf("it is asked for %s", r.URL)
		}
		asked.Add(1)
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	c := terminal{t, filepath.Join(t.TempDir(), "kept")}
	via := func(proxy string, args ...string) (string, error) {
		cmd := c.command(args...)
		cmd.Env = append(cmd.Env, "HTTP_PROXY="+proxy, "NO_PROXY=")
		cmd.Stdin = strings.NewReader(password + "\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	login := []string{"login", "http://id.example.test", "--username=kim", "--password-stdin"}
	if out, err := via(proxy.URL, login...); err == nil || !strings.Contains(out, "--insecure-http") || asked.Load() != 0 {
		t.Errorf("%v: %s", err, out)
	}
	login = append(login, "--insecure-http")
	// Nobody listens on the discard port.
	if out, err := via("http://me:hunter2@127.0.0.1:9", login...); err == nil || !strings.Contains(out, "cannot be reached") || strings.Contains(out, "hunter2") {
		t.Errorf("%v: %s", err, out)
	}
	for _, args := range [][]string{login, {"whoami"}, {"logout"}} {
		if out, err := via(proxy.URL, args...); err != nil {
			t.Errorf("%s: %v: %s", args[0], err, out)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("the proxy was asked %d times", asked.Load())
	}
}
