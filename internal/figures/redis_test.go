package figures

import (
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
)

// dial opens a connection for looking at a server from outside.
func dial(t *testing.T, url string) redis.Conn {
	t.Helper()
	c, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func readInfo(t *testing.T, c redis.Conn) measure.Info {
	t.Helper()
	all, err := measure.ReadInfo(c)
	must(t, err)
	return all
}

// logEveryCommand makes the server keep every command in its slow log.
func logEveryCommand(t *testing.T, c redis.Conn) {
	t.Helper()
	logSlower(t, c, 0)
}

// logSlower makes the server keep in its slow log what takes longer.
func logSlower(t *testing.T, c redis.Conn, than time.Duration) {
	t.Helper()
	for _, set := range [][]any{{"SET", "slowlog-log-slower-than", than.Microseconds()}, {"SET", "slowlog-max-len", 1_000_000}} {
		_, err := c.Do("CONFIG", set...)
		must(t, err)
	}
}

// readInfoAndLog returns what INFO says, and the commands in the slow log at the
// same moment, each as one line.
func readInfoAndLog(t *testing.T, c redis.Conn) (measure.Info, []string) {
	t.Helper()
	must(t, c.Send("INFO", "everything"))
	must(t, c.Send("SLOWLOG", "GET", -1))
	replies, err := redis.Values(c.Do(""))
	must(t, err)
	text, err := redis.String(replies[0], nil)
	must(t, err)
	var commands []string
	for _, fields := range slowLog(t, replies[1]) {
		words, err := redis.Strings(fields[3], nil)
		must(t, err)
		commands = append(commands, strings.Join(words, " "))
	}
	return measure.ParseInfo(text), commands
}

// slowLog returns the entries in an answer to SLOWLOG GET, each of an id, a time,
// how many µs it took, the command, and by whom.
func slowLog(t *testing.T, reply any) (entries [][]any) {
	t.Helper()
	list, err := redis.Values(reply, nil)
	must(t, err)
	for _, entry := range list {
		fields, err := redis.Values(entry, nil)
		must(t, err)
		entries = append(entries, fields)
	}
	return entries
}
