package figures

import (
	"testing"

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
