package main

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"gatehouse/internal/testenv"
)

// Without its database the program does not start, and says so in a sentence
// that the operator can act on.
func TestStartWithoutDatabase(t *testing.T) {
	t.Parallel()
	s := shared(t).with("GATEHOUSE_DATABASE_URL", "postgres://joshua:shibboleth@127.0.0.1:9/gatehouse")
	code, stdout, stderr := command(t, "", s.flags("serve")...)
	if code != exitFailure || stdout != "" {
		t.Errorf("exit code %d, printed %q", code, stdout)
	}
	const sentence = "gatehouse: the database does not answer: start it, or correct GATEHOUSE_DATABASE_URL\n"
	if !strings.HasPrefix(stderr, sentence) || !strings.Contains(stderr, "127.0.0.1:9") || strings.Contains(stderr, "shibboleth") {
		t.Errorf("it says:\n%s", stderr)
	}
}

// Without Redis it starts, since nodes may come up in any order: it warns,
// answers 503 where it needs Redis, and works as soon as that is there.
func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := testenv.RedisServer(t)
	redis.Stop()
	n := startNode(t, embedded(t).with("GATEHOUSE_REDIS_URL", redis.URL()))
	if log := n.stderr.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "Redis") {
		t.Errorf("it does not warn:\n%s", log)
	}
	c := newClient(t)
	c.get(n, "/login").is(t, 200, "")
	c.getOnce(n, "/readyz").is(t, 503, "")
	if a := c.postOnce(n, "/signup", "username=kim", "password="+password); a.status != 503 || c.token() != "" {
		t.Errorf("POST /signup: %d, a cookie: %v", a.status, c.token() != "")
	}
	redis.Start()
	eventually(t, "it is ready", func() bool { return c.getOnce(n, "/readyz").status == 200 })
	c.signUp(n, "lee")
	c.isIn(n)
}

// A Redis that is too old is another matter: waiting does not help.
func TestStartWithOldRedis(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go speakAsRedis6(c)
		}
	}()
	s := shared(t).with("GATEHOUSE_REDIS_URL", "redis://:shibboleth@"+l.Addr().String())
	code, stdout, stderr := command(t, "", s.flags("serve")...)
	if code != exitFailure || stdout != "" {
		t.Errorf("exit code %d, printed %q", code, stdout)
	}
	const sentence = "gatehouse: the Redis server is too old: upgrade it to 7.0 or newer, or correct GATEHOUSE_REDIS_URL\n"
	if !strings.Contains(stderr, sentence) || !strings.Contains(stderr, "this is 6.2.14, at "+l.Addr().String()) || strings.Contains(stderr, "shibboleth") {
		t.Errorf("it says:\n%s", stderr)
	}
}

// speakAsRedis6 answers as a server did that tells one section of INFO at a time.
func speakAsRedis6(c net.Conn) {
	defer c.Close()
	const version = "redis_version:6.2.14\r\n"
	for in := bufio.NewScanner(c); in.Scan(); {
		words, err := strconv.Atoi(strings.TrimPrefix(in.Text(), "*"))
		if err != nil {
			return
		}
		var command []string
		for range words {
			in.Scan() // its length
			in.Scan()
			command = append(command, in.Text())
		}
		switch {
		case command[0] != "INFO":
			fmt.Fprint(c, "+OK\r\n")
		case words > 2:
			fmt.Fprint(c, "-ERR syntax error\r\n")
		default:
			fmt.Fprintf(c, "$%d\r\n%s\r\n", len(version), version)
		}
	}
}

// A Redis that may forget is named at the start; one that may not is not.
func TestStartWarnsOfForgetfulRedis(t *testing.T) {
	t.Parallel()
	const evicts, noFile = "maxmemory-policy allkeys-lru", "no append-only file"
	forgetful := testenv.RedisServer(t, "--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
	log := startNode(t, embedded(t).with("GATEHOUSE_REDIS_URL", forgetful.URL())).stderr.String()
	for _, want := range []string{evicts, noFile} {
		if !strings.Contains(log, want) {
			t.Errorf("it does not say %q:\n%s", want, log)
		}
	}
	log = startNode(t, shared(t).with("GATEHOUSE_KEYS_SECRET", strings.Repeat("s", 32))).stderr.String()
	if strings.Contains(log, "level=WARN") {
		t.Errorf("it warns of nothing:\n%s", log)
	}
}
