package redisdb

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

func TestClockWarning(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for _, one := range []struct {
		off, took time.Duration // of this node from the server; of the question
		says      string
	}{
		{0, 0, ""},
		{time.Second, time.Millisecond, ""},
		{-time.Second, time.Millisecond, ""},
		{time.Hour, time.Millisecond, "1h0m0s ahead of"},
		{-time.Hour, time.Millisecond, "1h0m0s behind"},
		{-4 * time.Second, 3 * time.Second, ""}, // the answer may be that old
		{4 * time.Second, 3 * time.Second, "4s ahead of"},
	} {
		asked := now.Add(one.off)
		got := clockWarning(now, asked, asked.Add(one.took))
		if (got == "") != (one.says == "") || !strings.Contains(got, one.says) {
			t.Errorf("%v off, took %v: %q, want %q", one.off, one.took, got, one.says)
		}
	}
}

// A server as it should be, on a machine with one clock, gives no warning.
func TestWarnings(t *testing.T) {
	for want, args := range map[string][]string{
		"":                 nil,
		"maxmemory-policy": {"--maxmemory-policy", "allkeys-lru"},
		"append-only":      {"--appendonly", "no"},
	} {
		s := Open(testenv.RedisServer(t, args...).URL(), time.Hour)
		defer s.Close()
		got, err := s.Warnings(t.Context())
		if err != nil || (want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%q: %q, %v", args, got, err)
		}
	}
}
