package testenv

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// MasterName is what the sentinels of [RedisSentinel] call their master.
const MasterName = "main"

// SentinelSet is a Redis master with replicas, watched over by sentinels.
type SentinelSet struct {
	t testing.TB
	// Redis are the servers, the first master first. Which one is the master
	// later is the sentinels' choice.
	Redis     []*RedisProc
	Sentinels []*RedisProc
}

// downAfter is how long a master is silent before it is replaced. It has to be well
// over a second: a sentinel connects at most once a second, counted from when it last
// tried to reach the master of before, and takes a new one that it has not reached
// in this time for down (sentinelReconnectInstance, Redis 7.0). With half a second
// the sentinels deposed every second master that they had just promoted.
const downAfter = 2 * time.Second

// RedisSentinel starts a master with replicas and sentinels for this test. A
// master that is silent for downAfter is replaced, if most sentinels live.
// Args are for the servers, as for [RedisServer].
func RedisSentinel(t testing.TB, replicas, sentinels int, args ...string) *SentinelSet {
	t.Helper()
	s := &SentinelSet{t: t, Redis: []*RedisProc{RedisServer(t, append(replicaArgs(), args...)...)}}
	_, port, _ := net.SplitHostPort(s.Redis[0].Addr())
	for range replicas {
		s.Redis = append(s.Redis, RedisServer(t, append(append(replicaArgs(), args...), "--replicaof", "127.0.0.1", port)...))
	}
	for _, r := range s.Redis[1:] {
		s.wait("the replicas follow", func() bool {
			return strings.Contains(Ask(r.Addr(), "INFO", "replication"), "master_link_status:up")
		})
	}
	for range sentinels {
		proc, err := startSentinel(port, sentinels/2+1)
		if err != nil {
			t.Fatalf("redis-server --sentinel: %v", err)
		}
		t.Cleanup(proc.remove)
		s.Sentinels = append(s.Sentinels, &RedisProc{t: t, proc: proc})
	}
	for _, one := range s.Sentinels {
		s.wait("the sentinels know everybody", func() bool {
			state := Ask(one.Addr(), "SENTINEL", "MASTER", MasterName)
			return strings.Contains(state, fmt.Sprintf("num-slaves\r\n$1\r\n%d\r", replicas)) &&
				strings.Contains(state, fmt.Sprintf("num-other-sentinels\r\n$1\r\n%d\r", sentinels-1))
		})
	}
	return s
}

// replicaArgs make a replica follow without the pauses that spare big machines.
func replicaArgs() []string {
	return []string{"--repl-diskless-sync-delay", "0", "--repl-timeout", "5", "--repl-ping-replica-period", "1"}
}

// URL returns redis+sentinel://127.0.0.1:port,…/main/0.
func (s *SentinelSet) URL() string {
	addrs := make([]string, len(s.Sentinels))
	for i, one := range s.Sentinels {
		addrs[i] = one.Addr()
	}
	return "redis+sentinel://" + strings.Join(addrs, ",") + "/" + MasterName + "/0"
}

// Master returns the server that most sentinels take for the master, nil while
// they are not agreed.
func (s *SentinelSet) Master() *RedisProc {
	votes := map[string]int{}
	for _, one := range s.Sentinels {
		votes[Ask(one.Addr(), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName)]++
	}
	for answer, n := range votes {
		if n <= len(s.Sentinels)/2 {
			continue
		}
		for _, r := range s.Redis {
			_, port, _ := net.SplitHostPort(r.Addr())
			if strings.HasSuffix(answer, "\r\n"+port+"\r\n") {
				return r
			}
		}
	}
	return nil
}

// Whole reports whether every other server is a replica of master and up to date
// with it.
func (s *SentinelSet) Whole(master *RedisProc) bool {
	state := Ask(master.Addr(), "INFO", "replication")
	return strings.Contains(state, "role:master") && strings.Count(state, "state=online") == len(s.Redis)-1
}

// InStep waits until every other server has all that master has written so far,
// and reports whether that came about: false if another server takes itself for a
// master, or master has become another's replica. How far a server is then says
// nothing, because it counts in another history.
func (s *SentinelSet) InStep(master *RedisProc) bool {
	s.t.Helper()
	var asked standing
	s.wait("the master says how far it is", func() bool {
		asked = standingOf(master)
		return asked.role != ""
	})
	one := true
	s.wait("the replicas are in step", func() bool {
		all := true
		for _, r := range s.Redis {
			switch is := standingOf(r); {
			case is.role != "" && (is.role == "master") != (r == master):
				one = false
				return true
			case is.history != asked.history || is.offset < asked.offset:
				all = false
			}
		}
		return all
	})
	return one
}

// standing is which stream of writes a server is in, and how far.
type standing struct {
	role    string
	history string
	offset  int64
}

// standingOf asks r; nothing if it does not say.
func standingOf(r *RedisProc) standing {
	n := standing{offset: -1}
	for line := range strings.Lines(Ask(r.Addr(), "INFO", "replication")) {
		switch name, text, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "role":
			n.role = text
		case "master_replid":
			n.history = text
		case "master_repl_offset": // a replica has one of its own, which is the master's
			if offset, err := strconv.ParseInt(text, 10, 64); err == nil {
				n.offset = offset
			}
		}
	}
	return n
}

// Hurry makes the sentinels look at the servers more often than they would, so that
// a master that has come back is told to follow within about two seconds and not
// ten. What happens during a failover takes the time that it always takes. A
// sentinel that is started again has forgotten it.
func (s *SentinelSet) Hurry() {
	s.t.Helper()
	for _, one := range s.Sentinels {
		if answer := Ask(one.Addr(), "SENTINEL", "DEBUG", "INFO-PERIOD", "1000", "PUBLISH-PERIOD", "250"); answer != "+OK\r\n" {
			s.t.Fatalf("SENTINEL DEBUG: %q", answer)
		}
	}
}

// Failing waits until a sentinel has begun to replace the master.
func (s *SentinelSet) Failing() {
	s.t.Helper()
	s.wait("a failover", func() bool {
		for _, one := range s.Sentinels {
			if strings.Contains(Ask(one.Addr(), "SENTINEL", "MASTER", MasterName), "failover_in_progress") {
				return true
			}
		}
		return false
	})
}

// Content reports whether all sentinels answer and none thinks that the master is
// down or is to be replaced.
func (s *SentinelSet) Content() bool {
	for _, one := range s.Sentinels {
		if !strings.Contains(Ask(one.Addr(), "SENTINEL", "MASTER", MasterName), "\r\nflags\r\n$6\r\nmaster\r\n") {
			return false
		}
	}
	return true
}

// Promoted waits until another server than old is a master by its own account,
// and returns it.
func (s *SentinelSet) Promoted(old *RedisProc) *RedisProc {
	s.t.Helper()
	var found *RedisProc
	s.wait("another master", func() bool {
		for _, r := range s.Redis {
			if r != old && IsMaster(r.Addr()) {
				found = r
			}
		}
		return found != nil
	})
	return found
}

// IsMaster reports whether the Redis at addr answers and takes itself for a
// master.
func IsMaster(addr string) bool {
	return strings.HasPrefix(Ask(addr, "ROLE"), "*3\r\n$6\r\nmaster\r\n")
}

func (s *SentinelSet) wait(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(startWithin); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %v in vain until: %s", startWithin, what)
		}
	}
}

func startSentinel(masterPort string, quorum int) (*process, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, missing("redis-server", "redis-server")
	}
	dir, err := folder("sentinel")
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "sentinel.conf")
	proc := &process{
		dir: dir,
		command: func(port int) []string {
			writeConf(conf, port, fmt.Sprintf(`dir %s
sentinel monitor %[2]s 127.0.0.1 %[3]s %[4]d
sentinel down-after-milliseconds %[2]s %[5]d
sentinel failover-timeout %[2]s 3000
sentinel parallel-syncs %[2]s 2
`, dir, MasterName, masterPort, quorum, downAfter.Milliseconds()))
			return []string{bin, conf, "--sentinel"}
		},
		ready:      redisReady,
		stopSignal: syscall.SIGTERM,
	}
	if err := proc.launch(); err != nil {
		proc.remove()
		return nil, err
	}
	return proc, nil
}

// Ask sends one command to a Redis or a sentinel and returns the raw reply, or
// nothing if there is none within a moment.
func Ask(addr string, args ...string) string {
	return AskWithin(300*time.Millisecond, addr, args...)
}

// AskWithin is [Ask] for what takes longer than a moment.
func AskWithin(limit time.Duration, addr string, args ...string) string {
	c, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return ""
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	var cmd strings.Builder
	cmd.WriteString("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		cmd.WriteString("$" + strconv.Itoa(len(a)) + "\r\n" + a + "\r\n")
	}
	if _, err := c.Write([]byte(cmd.String())); err != nil {
		return ""
	}
	reply := make([]byte, 64<<10)
	n := 0
	for n < len(reply) {
		more, err := c.Read(reply[n:])
		if n += more; err != nil || strings.HasSuffix(string(reply[:n]), "\r\n") {
			break
		}
	}
	return string(reply[:n])
}
