package measure

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// Info is what INFO says, by name.
type Info map[string]string

// ReadInfo asks the server behind c for all there is.
func ReadInfo(c redis.Conn) (Info, error) {
	text, err := redis.String(c.Do("INFO", "everything"))
	if err != nil {
		return nil, err
	}
	return ParseInfo(text), nil
}

// ParseInfo reads what INFO has answered.
func ParseInfo(text string) Info {
	all := Info{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			all[name] = value
		}
	}
	return all
}

// Number returns the field of that name, or 0 if there is none.
func (i Info) Number(name string) int {
	n, _ := strconv.Atoi(i[name])
	return n
}

// Calls are commands by name and how often the server ran them, those inside
// scripts included.
type Calls map[string]int

// Calls returns what the server has run since it started.
func (i Info) Calls() Calls {
	c := Calls{}
	for name, value := range i {
		command, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok || command == "info" { // INFO is us, looking, or the gate
			continue
		}
		n, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
		c[strings.ToUpper(command)], _ = strconv.Atoi(n)
	}
	return c
}

// Since returns what was called after earlier.
func (c Calls) Since(earlier Calls) Calls {
	d := Calls{}
	for name, n := range c {
		if n -= earlier[name]; n > 0 {
			d[name] = n
		}
	}
	return d
}

// String returns "GET 1,000, SET 10".
func (c Calls) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %s", name, Count(c[name])))
	}
	return strings.Join(parts, ", ")
}
