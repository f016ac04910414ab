package soak

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// series is one figure over time.
type series struct {
	name string
	rule rule
	at   []time.Duration
	is   []float64
}

// rule says how much a series may grow and still be flat.
type rule struct {
	unit string // what it counts: MB, or nothing
	// floor is what it may grow by in all, because so much comes and goes by
	// itself.
	floor float64
	// brief is what is added to the floor under a brief load.
	brief float64
	// share is how much of its middle it may grow by, if that is more: the
	// last quarter above the second, and the trend in an hour.
	share, hourly float64
}

// trend is what there is to say of a series.
type trend struct {
	Middle      float64 // median
	Second      float64 // median of the second quarter
	Last        float64 // median of the last quarter
	PerHour     float64 // by the slope
	over        time.Duration
	grown, most float64
}

const (
	// windows is into how many the time is divided. Of each the least value
	// counts: what is needed for a moment, as to hash a password, is no growth.
	windows = 40
	// leastWindows have to have values in them.
	leastWindows = 8
)

// judge says how the series went after from, and whether it was flat. The slope is
// that of Theil and Sen, the median of the slopes between all pairs of points: a
// few points that are far off do not move it.
func (s *series) judge(from time.Duration) (trend, error) {
	at, is := s.least(from)
	if len(at) < leastWindows {
		return trend{}, fmt.Errorf("%s: only %d values", s.name, len(at))
	}
	t := trend{Middle: median(is), Second: median(is[len(is)/4 : len(is)/2]), Last: median(is[len(is)*3/4:]),
		over: at[len(at)-1] - at[0]}
	var slopes []float64 // per second
	for i := range at {
		for j := range i {
			slopes = append(slopes, (is[i]-is[j])/(at[i]-at[j]).Seconds())
		}
	}
	slope := median(slopes)
	t.PerHour = slope * 3600
	t.grown = slope * t.over.Seconds()
	t.most = max(s.rule.floor, s.rule.hourly*t.Middle*t.over.Hours())
	if t.grown > t.most {
		return t, fmt.Errorf("%s grows: %s in %v, %s in an hour; at most %s would be flat", s.name,
			s.rule.say(t.grown), t.over.Round(time.Second), s.rule.say(t.PerHour), s.rule.say(t.most))
	}
	if most := max(s.rule.floor, s.rule.share*t.Middle); t.Last-t.Second > most {
		return t, fmt.Errorf("%s has grown from %s to %s; at most %s more would be flat", s.name,
			s.rule.say(t.Second), s.rule.say(t.Last), s.rule.say(most))
	}
	return t, nil
}

// say returns a value with its unit.
func (r rule) say(v float64) string {
	if r.unit == "" {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f %s", v, r.unit)
}

// least returns the least value of each window after from, at its time.
func (s *series) least(from time.Duration) (at []time.Duration, is []float64) {
	if len(s.at) == 0 {
		return nil, nil
	}
	width := max(1, (s.at[len(s.at)-1]-from)/windows)
	window := time.Duration(-1)
	for i, t := range s.at {
		switch {
		case t < from:
		case (t-from)/width != window:
			window = (t - from) / width
			at, is = append(at, t), append(is, s.is[i])
		case s.is[i] < is[len(is)-1]:
			at[len(at)-1], is[len(is)-1] = t, s.is[i]
		}
	}
	return at, is
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// TestFlat holds the judgement to series made up for it, ten minutes long.
func TestFlat(t *testing.T) {
	r := rule{unit: "MB", floor: 4, share: 0.05, hourly: 0.3}
	const length, warm = 600, 200
	for _, c := range []struct {
		name string
		is   func(second int) float64
		flat bool
	}{
		{"still", func(int) float64 { return 50 }, true},
		{"noise", func(n int) float64 { return 50 + float64(n*7919%13)/4 }, true},
		{"hashing now and then", func(n int) float64 { return 50 + 19*float64(n*7919%5/3) }, true},
		{"a saw", func(n int) float64 { return 50 + float64(n%80)/20 }, true},
		{"warming up", func(n int) float64 { return 50 + min(float64(n), warm) }, true},
		{"shrinking", func(n int) float64 { return 100 - float64(n)/10 }, true},
		{"one step", func(n int) float64 { return 50 + 20*float64(n/450) }, false},
		{"a leak of 15 kB/s", func(n int) float64 { return 50 + 0.015*float64(n) }, false},
		{"a leak under noise", func(n int) float64 { return 50 + 0.015*float64(n) + float64(n*7919%13)/4 }, false},
		{"a leak under hashing", func(n int) float64 { return 50 + 0.015*float64(n) + 19*float64(n*7919%5/3) }, false},
		{"a leak on a saw", func(n int) float64 { return 50 + 0.02*float64(n) + float64(n%80)/20 }, false},
	} {
		s := series{name: "memory", rule: r}
		for n := range length {
			s.at, s.is = append(s.at, time.Duration(n)*time.Second), append(s.is, c.is(n))
		}
		if got, err := s.judge(warm * time.Second); (err == nil) != c.flat {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if _, err := (&series{}).judge(0); err == nil {
		t.Error("nothing measured is taken for flat")
	}
}
