package figures

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// dial opens a connection for looking at a server from outside.
func dial(t *testing.T, url string) redis.Conn {
	t.Helper()
	c, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// info is what INFO says, by name.
type info map[string]string

func readInfo(t *testing.T, c redis.Conn) info {
	t.Helper()
	text, err := redis.String(c.Do("INFO", "everything"))
	must(t, err)
	all := info{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			all[name] = value
		}
	}
	return all
}

// number returns the field of that name, or 0 if there is none.
func (i info) number(name string) int {
	n, _ := strconv.Atoi(i[name])
	return n
}

// calls are commands by name and how often the server ran them, those inside
// scripts included.
type calls map[string]int

func (i info) calls() calls {
	c := calls{}
	for name, value := range i {
		command, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok || command == "info" { // INFO is us, looking
			continue
		}
		n, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
		c[strings.ToUpper(command)], _ = strconv.Atoi(n)
	}
	return c
}

// since returns what was called after earlier.
func (c calls) since(earlier calls) calls {
	d := calls{}
	for name, n := range c {
		if n -= earlier[name]; n > 0 {
			d[name] = n
		}
	}
	return d
}

// String returns "GET 1,000, SET 10".
func (c calls) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %s", name, count(c[name])))
	}
	return strings.Join(parts, ", ")
}
