package limit

import (
	"strconv"
	"testing"
	"time"
)

func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := NewMemory(100, func() time.Time { return now })
	for i := range 1000 {
		if _, err := m.Take(t.Context(), LoginAddress, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.buckets) != 100 || len(m.drained) != 100 {
		t.Errorf("%d buckets, %d in the heap, want 100", len(m.buckets), len(m.drained))
	}
	now = now.Add(LoginAddress.Every)
	if _, err := m.Take(t.Context(), LoginAddress, "x"); err != nil {
		t.Fatal(err)
	}
	if len(m.buckets) != 1 || len(m.drained) != 1 {
		t.Errorf("%d buckets, %d in the heap, want 1: full buckets say nothing", len(m.buckets), len(m.drained))
	}
}
