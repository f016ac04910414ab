package testenv

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"
)

func dialRedis(t *testing.T, url string) redis.Conn {
	t.Helper()
	c, err := redis.DialURL(url, redis.DialConnectTimeout(time.Second),
		redis.DialReadTimeout(300*time.Millisecond), redis.DialWriteTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRedisServerKeepsItsDataThroughKillAndStop(t *testing.T) {
	r := RedisServer(t)
	url := r.URL()
	if _, err := dialRedis(t, url).Do("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){r.Kill, r.Stop, r.Stop} {
		end()
		if _, err := net.DialTimeout("tcp", r.Addr(), time.Second); err == nil {
			t.Fatal("an ended server takes connections")
		}
	}
	r.Start()
	if r.URL() != url {
		t.Fatalf("the URL moved from %s to %s", url, r.URL())
	}
	if v, err := redis.String(dialRedis(t, url).Do("GET", "k")); v != "v" || err != nil {
		t.Errorf("after the restart: %q, %v", v, err)
	}
}

func TestRedisServerPause(t *testing.T) {
	r := RedisServer(t)
	c := dialRedis(t, r.URL())
	r.Pause()
	var timeout net.Error
	if _, err := c.Do("PING"); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a held server answered, or broke the connection: %v", err)
	}
	r.Resume()
	if _, err := dialRedis(t, r.URL()).Do("PING"); err != nil {
		t.Errorf("after Resume: %v", err)
	}
	r.Pause() // and ends all the same
	r.Stop()
}

func TestRedisServerArgsOverride(t *testing.T) {
	r := RedisServer(t, "--appendonly", "no", "--requirepass", "pw")
	c := dialRedis(t, r.URL())
	if _, err := c.Do("AUTH", "pw"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"appendonly": "no", "save": "", "maxmemory-policy": "noeviction"} {
		got, err := redis.StringMap(c.Do("CONFIG", "GET", name))
		if err != nil || got[name] != want {
			t.Errorf("%s is %q, want %q (%v)", name, got[name], want, err)
		}
	}
}

func TestNginxServesThroughStopAndKill(t *testing.T) {
	asked := 0
	n := Nginx(t, func(listen string) string {
		asked++
		return "server { listen " + listen + "; return 200 here; }"
	})
	before := n.Addr()
	for i, end := range []func(){func() {}, n.Stop, n.Kill} {
		end()
		if i > 0 {
			if _, err := net.DialTimeout("tcp", n.Addr(), time.Second); err == nil {
				t.Fatal("an ended server takes connections")
			}
			n.Start()
		}
		resp, err := http.Get("http://" + n.Addr() + "/")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(text) != "here" {
			t.Errorf("%q, %v", text, err)
		}
	}
	if n.Addr() != before || asked == 0 {
		t.Errorf("it moved from %s to %s, or asked nobody what to serve", before, n.Addr())
	}
}

// A replica that has been promoted may be further than the master of before, and
// yet lack what that has written since.
func TestInStepIsOfOneHistory(t *testing.T) {
	set := RedisSentinel(t, 1, 1)
	master, replica := set.Redis[0], set.Redis[1]
	Ask(master.Addr(), "SET", "a", "1")
	if !set.InStep(master) {
		t.Error("a replica that follows is not in step")
	}
	Ask(replica.Addr(), "REPLICAOF", "NO", "ONE")
	Ask(master.Addr(), "SET", "b", "1")
	Ask(replica.Addr(), "SET", "c", strings.Repeat("x", 1000))
	if set.InStep(master) {
		t.Errorf("in step, and the other server has %q", Ask(replica.Addr(), "GET", "b"))
	}
}

func TestSharedRedisGivesEachTestItsOwn(t *testing.T) {
	a, b := SharedRedis(t), SharedRedis(t)
	if _, err := dialRedis(t, a).Do("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	if n, err := redis.Int(dialRedis(t, b).Do("DBSIZE")); n != 0 || err != nil {
		t.Errorf("the second database holds %d keys, %v", n, err)
	}
}

func dialPostgres(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func execPostgres(t *testing.T, c *pgx.Conn, statement string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresGivesEachTestItsOwn(t *testing.T) {
	a, b := dialPostgres(t, Postgres(t)), dialPostgres(t, Postgres(t))
	execPostgres(t, a, "CREATE TABLE t (n int)")
	execPostgres(t, b, "CREATE TABLE t (n int)")
}

func TestPostgresServerKeepsWhatItCommitted(t *testing.T) {
	p := PostgresServer(t)
	execPostgres(t, dialPostgres(t, p.URL()), "CREATE TABLE t AS SELECT 7 AS n")
	for _, end := range []func(){p.Kill, p.Stop} {
		end()
		p.Start()
		end() // and once more with nobody connected
		p.Start()
		var n int
		if err := dialPostgres(t, p.URL()).QueryRow(t.Context(), "SELECT n FROM t").Scan(&n); n != 7 || err != nil {
			t.Errorf("after the restart: %d, %v", n, err)
		}
	}
}

func TestPostgresServerPauseHoldsBackends(t *testing.T) {
	p := PostgresServer(t)
	c := dialPostgres(t, p.URL())
	p.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(ctx, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a held backend answered: %v", err)
	}
	p.Resume()
	execPostgres(t, dialPostgres(t, p.URL()), "SELECT 1")
	p.Pause() // and ends all the same
}

func TestMissingProgramSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := startRedis()
	if err == nil || !strings.Contains(err.Error(), "Debian package redis-server") || !strings.Contains(err.Error(), "make deps") {
		t.Errorf("got %v", err)
	}
}

func TestLonePostgresInThePathIsNotTaken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "postgres"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if bin, err := postgresBin(); bin == dir {
		t.Errorf("took %s, %v", bin, err)
	}
}

// endings are the ways in which a test binary may end without cleaning up.
var endings = map[string]func(){
	"exit":  func() { os.Exit(3) },
	"panic": func() { go panic("on purpose") },
	"kill":  func() { exec.Command("kill", "-9", strconv.Itoa(os.Getpid())).Run() },
}

const endEnv = "GATEHOUSE_TESTENV_TEST_END"

// TestNothingIsLeft starts this binary again, lets it end in each way and looks
// for what it had started.
func TestNothingIsLeft(t *testing.T) {
	if end := os.Getenv(endEnv); end != "" {
		leaveServersAndEnd(t, endings[end])
	}
	for name := range endings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestNothingIsLeft$")
			cmd.Env = append(os.Environ(), endEnv+"="+name)
			out, err := cmd.Output()
			if err == nil {
				t.Fatalf("it was meant to fail:\n%s", out)
			}
			left := strings.Fields(strings.SplitN(string(out), "\n", 2)[0])
			if len(left) < 8 { // the folder, redis and its paused twin, postgres and its helpers
				t.Fatalf("it did not start its servers:\n%s", out)
			}
			dir, pids := left[0], left[1:]
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				_, err := os.Stat(dir)
				alive := 0
				for _, text := range pids {
					pid, _ := strconv.Atoi(text)
					if p, ok := processes()[pid]; ok && !p.zombie {
						alive++
					}
				}
				if os.IsNotExist(err) && alive == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("left over: %d processes, folder %s: %v", alive, dir, err)
				}
			}
		})
	}
}

func leaveServersAndEnd(t *testing.T, end func()) {
	SharedRedis(t)
	RedisServer(t).Pause()
	Postgres(t)
	h, err := root()
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(os.Stdout)
	w.WriteString(h.path)
	notes, _ := filepath.Glob(filepath.Join(h.path, "pids", "*"))
	for _, note := range notes {
		pid, _ := strconv.Atoi(filepath.Base(note))
		for _, p := range tree(pid) {
			w.WriteString(" " + strconv.Itoa(p))
		}
	}
	w.WriteString("\n")
	w.Flush()
	end()
	select {}
}
