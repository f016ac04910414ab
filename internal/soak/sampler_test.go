package soak

import (
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
)

// How much each figure may grow. What comes and goes by itself (the floors):
// signatures of tokens that a node remembers, in two generations of which one goes
// at a time, some MB; a hash of a password, 19 MiB, which the least value of a
// window leaves out of the heap and the system returns late; connections that
// pools open and close. In a brief load no window is long enough to have a moment
// without a hash in it, and pools are still opening the connections that they keep.
var (
	heapRule     = rule{unit: "MB", floor: 4, brief: 2 * 20, share: 0.05, hourly: 0.3}
	residentRule = rule{unit: "MB", floor: 3 * 20, brief: 2 * 20, share: 0.05, hourly: 0.3}
	countRule    = rule{floor: 12, brief: restFiles, share: 0.05, hourly: 0.3}
	clientsRule  = rule{floor: 16, brief: 2 * 16, share: 0.05, hourly: 0.3}
	redisRule    = rule{unit: "MB", floor: 2, share: 0.02, hourly: 0.1}
	// Redis finds what has expired by chance, and lets a tenth of all keys be such
	// (active-expire-effort). What is left for good is counted at the end.
	keysRule = rule{floor: 500, share: 0.02, hourly: 0.1}
)

// sampler looks at everything now and then.
type sampler struct {
	nodes  []*node
	redis  redis.Conn
	live   func() int // sessions there should be
	weight float64    // MB of Redis per session
	first  int        // live at the beginning
	began  time.Time
	all    []*series
	short  bool // whether what rules allow for a brief load counts
}

func (s *sampler) add(name string, r rule, value float64) {
	var of *series
	for _, known := range s.all {
		if known.name == name {
			of = known
		}
	}
	if of == nil {
		if s.short {
			r.floor += r.brief
		}
		of = &series{name: name, rule: r}
		s.all = append(s.all, of)
	}
	of.at, of.is = append(of.at, time.Since(s.began)), append(of.is, value)
}

const mega = 1 << 20

// look adds a value to every series. What Redis holds for sessions changes with
// their number, which is no leak: its memory is given as if that had not changed.
func (s *sampler) look() error {
	for _, n := range s.nodes {
		h, err := n.look()
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		s.add(n.name+": live heap", heapRule, float64(h.LiveHeap)/mega)
		s.add(n.name+": resident memory", residentRule, h.resident)
		s.add(n.name+": goroutines", countRule, float64(h.Goroutines))
		s.add(n.name+": descriptors", countRule, float64(h.files))
		s.add(n.name+": sockets", countRule, float64(h.sockets))
	}
	live := s.live()
	info, err := measure.ReadInfo(s.redis)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	keys, err := redis.Int(s.redis.Do("DBSIZE"))
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	s.add("Redis: memory, as if no session had come or gone", redisRule, float64(info.Number("used_memory"))/mega-s.weight*float64(live-s.first))
	s.add("Redis: keys but for sessions", keysRule, float64(keys-live))
	s.add("Redis: connections", clientsRule, float64(info.Number("connected_clients")))
	return nil
}

// run looks every so often until over is closed.
func (s *sampler) run(every time.Duration, over <-chan struct{}) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.look(); err != nil {
			return err
		}
		select {
		case <-over:
			return nil
		case <-tick.C:
		}
	}
}

// judge returns a table of how everything went after from, and what was not flat.
func (s *sampler) judge(from time.Duration) (table string, wrong []error) {
	rows := [][]string{{"", "median", "2nd quarter", "last quarter", "trend per hour", ""}}
	for _, one := range s.all {
		t, err := one.judge(from)
		verdict := "flat"
		if err != nil {
			verdict = "GROWS"
			wrong = append(wrong, err)
		}
		say := one.rule.say
		rows = append(rows, []string{one.name, say(t.Middle), say(t.Second), say(t.Last), say(t.PerHour), verdict})
	}
	var b strings.Builder
	measure.Table(&b, rows)
	return b.String(), wrong
}
