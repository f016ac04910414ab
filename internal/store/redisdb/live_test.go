package redisdb_test

import (
	"context"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// The nodes share one count of the live sessions: it is made by one of them when
// it is too old, and what else is in Redis does not count.
func TestCountIsShared(t *testing.T) {
	ctx := context.Background()
	url := testenv.SharedRedis(t)
	one, other := redisdb.Open(url, longest), redisdb.Open(url, longest)
	t.Cleanup(func() { one.Close(); other.Close() })
	somebody := func(int) user.User { return measure.Somebody() }
	count := func(s *redisdb.Store, fresh time.Duration, want int) time.Time {
		t.Helper()
		n, at, err := s.Count(ctx, fresh)
		must(t, err)
		if n != want {
			t.Errorf("%d sessions, want %d", n, want)
		}
		return at
	}
	tokens, err := measure.Fill(one, 2500, somebody) // more than one step
	must(t, err)
	_, err = one.End(ctx, []session.ID{session.IDOf(tokens[0])}, session.Why{Reason: session.Forced}, time.Now())
	must(t, err)
	first := count(one, time.Hour, 2499)
	if age := time.Since(first); age < 0 || age > time.Minute {
		t.Errorf("counted %v ago", age)
	}
	_, err = measure.Fill(one, 10, somebody)
	must(t, err)
	if at := count(other, time.Hour, 2499); !at.Equal(first.Truncate(time.Millisecond)) {
		t.Errorf("the other node has counted by itself, at %v", at)
	}
	// While somebody counts, or has crashed counting a moment ago, nobody else does.
	raw, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	_, err = raw.Do("SET", "live:turn", "somebody", "PX", 60_000)
	must(t, err)
	count(other, 0, 2499)
	_, err = raw.Do("DEL", "live")
	must(t, err)
	if at := count(other, time.Hour, 0); !at.IsZero() {
		t.Errorf("nobody has counted, and it says at %v", at)
	}
	_, err = raw.Do("DEL", "live:turn") // as it does by itself
	must(t, err)
	count(other, 0, 2509)
	count(one, time.Hour, 2509)
	if left, err := redis.Int(raw.Do("EXISTS", "live:turn")); err != nil || left != 0 {
		t.Errorf("the turn is not given back (%v)", err)
	}
}

// A count that is cut off says nothing, least of all a number too small.
func TestCountCutOff(t *testing.T) {
	url := testenv.SharedRedis(t)
	s := redisdb.Open(url, longest)
	t.Cleanup(func() { s.Close() })
	_, err := measure.Fill(s, 1000, func(int) user.User { return measure.Somebody() })
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // less than the rests of a thousand sessions
	defer cancel()
	if n, at, err := s.Count(ctx, 0); err == nil || n != 0 || !at.IsZero() {
		t.Errorf("%d at %v, %v", n, at, err)
	}
	again, err := redis.DialURL(url)
	must(t, err)
	t.Cleanup(func() { again.Close() })
	if n, err := redis.Int(again.Do("EXISTS", "live")); err != nil || n != 0 {
		t.Errorf("it was written down (%v)", err)
	}
}
