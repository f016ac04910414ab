package measure

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

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

// SettledMemory returns used_memory once it has stood still for a second: Redis
// moves its tables to their new size, and drops the old, while nothing is asked.
func SettledMemory(c redis.Conn) (bytes int, err error) {
	last, since := 0, time.Now()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		info, err := ReadInfo(c)
		if err != nil {
			return 0, err
		}
		used := info.Number("used_memory")
		if change := used - last; change > 4096 || change < -4096 {
			last, since = used, time.Now()
		} else if time.Since(since) > time.Second {
			return used, nil
		}
	}
	return 0, errors.New("used_memory does not settle")
}

// Seconds returns the field of that name, a time in seconds, or 0 if there is none.
func (i Info) Seconds(name string) float64 {
	x, _ := strconv.ParseFloat(i[name], 64)
	return x
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
