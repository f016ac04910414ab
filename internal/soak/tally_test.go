package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/measure"
)

// tally counts what was done, and keeps what was wrong.
type tally struct {
	mu          sync.Mutex
	done        map[string]int // by kind of operation
	requests    int
	unavailable int // answered 503
	wrong       []string
	wrongs      int
}

const keptWrongs = 20

// complain notes something that must not be.
func (t *tally) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrongs++; len(t.wrong) < keptWrongs {
		t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	}
}

func (t *tally) did(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == nil {
		t.done = map[string]int{}
	}
	t.done[what]++
}

func (t *tally) answered(unavailable bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.requests++; unavailable {
		t.unavailable++
	}
}

// take returns all complaints and forgets them.
func (t *tally) take() (wrong []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wrong = t.wrong
	if more := t.wrongs - len(wrong); more > 0 {
		wrong = append(wrong, fmt.Sprintf("and %d more", more))
	}
	t.wrong, t.wrongs = nil, 0
	return wrong
}

// table returns what was done in a time.
func (t *tally) table(in time.Duration) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := [][]string{{"", "times", "per second"}}
	for _, what := range slices.Sorted(maps.Keys(t.done)) {
		rows = append(rows, []string{what, measure.Count(t.done[what]), fmt.Sprintf("%.1f", float64(t.done[what])/in.Seconds())})
	}
	rows = append(rows, []string{"requests", measure.Count(t.requests), fmt.Sprintf("%.1f", float64(t.requests)/in.Seconds())},
		[]string{"answered 503", measure.Count(t.unavailable), ""})
	var b strings.Builder
	measure.Table(&b, rows)
	return b.String()
}
