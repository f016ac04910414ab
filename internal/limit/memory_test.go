package limit_test

import (
	"strconv"
	"testing"
	"time"

	"gatehouse/internal/limit"
	"gatehouse/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.RunLimiter(t, func(_ *testing.T, now func() time.Time) limit.Limiter {
		return limit.NewMemory(0, now)
	})
}

func take(t *testing.T, l limit.Limiter, r limit.Rule, key string) time.Duration {
	t.Helper()
	wait, err := l.Take(t.Context(), r, key)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// A stranger who tries many keys cannot make the limiter forget a drained one.
func TestMemoryForgetsTheLeastImportant(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := limit.NewMemory(100, func() time.Time { return now })
	r := limit.Rule{Name: "r", Burst: 5, Every: time.Minute}
	for range r.Burst {
		if wait := take(t, m, r, "drained"); wait != 0 {
			t.Fatalf("wait %v", wait)
		}
	}
	for i := range 10_000 {
		take(t, m, r, strconv.Itoa(i))
	}
	if wait := take(t, m, r, "drained"); wait != r.Every {
		t.Errorf("wait %v, want %v: the drained key was forgotten", wait, r.Every)
	}
}

func TestOff(t *testing.T) {
	for range 1000 {
		if wait := take(t, limit.Off{}, limit.PasswordChange, "x"); wait != 0 {
			t.Fatalf("wait %v", wait)
		}
	}
}

func BenchmarkMemory(b *testing.B) {
	m := limit.NewMemory(0, time.Now)
	for i := 0; b.Loop(); i++ {
		_, _ = m.Take(b.Context(), limit.LoginAddress, strconv.Itoa(i))
	}
}
