package redisdb

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
)

// TestOldRedis: what lacks the commands that we need is not used, and says which
// version it is; what may have them is tried.
func TestOldRedis(t *testing.T) {
	const both = "INFO server replication"
	for name, c := range map[string]struct {
		version string // in answer to INFO
		oneOnly bool   // it tells one section at a time, as Redis did before 7.0
		old     bool
	}{
		"6.2":                      {"redis_version:6.2.14", true, true},
		"6.2 behind some proxy":    {"redis_version:6.2.14", false, true},
		"the first":                {"redis_version:1.0", true, true},
		"7.0":                      {"redis_version:7.0.0", false, false},
		"10":                       {"redis_version:10.2.0", false, false},
		"Valkey":                   {"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.0.1", false, false},
		"a development version":    {"redis_version:255.255.255", false, false},
		"no version":               {"os:Linux", false, false},
		"no version that we know":  {"redis_version:unknown", false, false},
		"something else is amiss":  {"redis_version:7.4.0", true, false},
		"one section, no version":  {"os:Linux", true, false},
		"an empty answer, no more": {"", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var infos, gets atomic.Int64
			g := &gatePuppet{}
			g.puppet = newPuppet(t, func(_ int64, cmd []string) (string, bool) {
				switch {
				case cmd[0] == "INFO" && infos.Add(1) > 0 && c.oneOnly && strings.Join(cmd, " ") == both:
					return "-ERR syntax error\r\n", false
				case cmd[0] == "INFO":
					return bulk("# Server\r\n" + c.version + "\r\nrun_id:one\r\nrole:master\r\nmaster_replid:r\r\n"), false
				case cmd[0] == "MGET":
					return "*3\r\n" + bulk("100") + bulk("ours") + "$-1\r\n", false
				}
				gets.Add(1)
				return bulk(cmd[1]), false
			})
			_, err := g.gated().get("x")
			switch {
			case c.old != errors.Is(err, ErrOldRedis):
				t.Errorf("got %v", err)
			case c.old && (!errors.Is(err, session.ErrUnavailable) || gets.Load() != 0):
				t.Errorf("%v, and %d keys read", err, gets.Load())
			case c.old:
				if version := strings.TrimPrefix(c.version, "redis_version:"); !strings.Contains(err.Error(), "this is "+version+", at "+g.l.Addr().String()) {
					t.Errorf("it says %v", err)
				}
			case c.oneOnly:
				if err == nil || !strings.Contains(err.Error(), "syntax error") {
					t.Errorf("got %v, want what the server said", err)
				}
			case err != nil || infos.Load() != 1:
				t.Errorf("%v, after %d questions", err, infos.Load())
			}
		})
	}
}

// oldPuppet is a Redis 6.2 until now is true.
func oldPuppet(t *testing.T, now *atomic.Bool) *gatePuppet {
	g := &gatePuppet{}
	g.puppet = newPuppet(t, func(_ int64, cmd []string) (string, bool) {
		switch {
		case cmd[0] == "INFO" && now.Load():
			return bulk("redis_version:7.0.0\r\nrun_id:new\r\nrole:master\r\nmaster_replid:r\r\n"), false
		case cmd[0] == "INFO" && len(cmd) > 2:
			return "-ERR syntax error\r\n", false
		case cmd[0] == "INFO":
			return bulk("redis_version:6.2.14\r\nrun_id:old\r\n"), false
		case cmd[0] == "MGET":
			return "*3\r\n" + bulk("100") + bulk("ours") + "$-1\r\n", false
		}
		return bulk(cmd[1]), false
	})
	return g
}

// TestOldRedisForAWhile: one that has taken the place of another is logged once,
// however many ask, and again when it comes a second time; what comes after it is
// used without a restart.
func TestOldRedisForAWhile(t *testing.T) {
	var now atomic.Bool
	now.Store(true)
	g := oldPuppet(t, &now)
	c := g.gated()
	var log bytes.Buffer
	c.gate.log = slog.New(slog.NewTextHandler(&log, nil))
	for round := range 2 {
		if _, err := c.get("x"); err != nil {
			t.Fatal(err)
		}
		now.Store(false)
		c.generation.Add(1) // as when the sentinels name another
		for range 3 {
			if _, err := c.get("x"); !errors.Is(err, ErrOldRedis) {
				t.Fatalf("got %v", err)
			}
		}
		if n := strings.Count(log.String(), "no session on this server can be checked"); n != round+1 {
			t.Errorf("logged %d times:\n%s", n, &log)
		}
		now.Store(true)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "this is 6.2.14, at "+g.l.Addr().String()) {
		t.Errorf("the log says:\n%s", &log)
	}
}

// TestOldRedisBehindSentinelsAndInACluster: it is found there as well.
func TestOldRedisBehindSentinelsAndInACluster(t *testing.T) {
	g := oldPuppet(t, new(atomic.Bool))
	addr := g.l.Addr().String()
	sentinels := newSentinels("redis+sentinel://127.0.0.1:1/main")
	sentinels.current, sentinels.asked = master{addr: addr}, time.Now().Add(time.Hour) // they have just said so
	single := newClient(sentinels)
	single.gate = g.gated().gate
	in := newCluster("redis+cluster://"+addr, time.Hour)
	in.follow(single.gate.hearing)
	in.mu.Lock()
	member := in.server(addr)
	in.mu.Unlock()
	for name, c := range map[string]*client{"sentinels": single, "cluster": member.client} {
		_, err := c.get("x")
		if !errors.Is(err, ErrOldRedis) || !strings.HasSuffix(err.Error(), fmt.Sprintf("this is 6.2.14, at %s", addr)) {
			t.Errorf("%s: %v", name, err)
		}
		c.pipes.close()
	}
}
