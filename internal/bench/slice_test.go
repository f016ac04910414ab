package bench

import (
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/measure"
)

// sample is what one slice of a row came to, per request.
type sample struct {
	Requests    int
	Refused     int     // answered 503, not counted in Requests
	ServerCPU   float64 // µs
	StoreCPU    float64 // µs in Redis; 0 where the store is in the server
	PerSecond   float64
	P50, P99    float64 // µs
	Allocs      float64 // objects
	AllocBytes  float64
	RoundTrips  float64 // to Redis
	Commands    float64 // that Redis ran, those inside scripts included
	VsReference float64 // ServerCPU by that of the reference row in the same round
	BothVs      float64 // server and store by the reference row
}

// errBusy: the machine was too busy for the half second that the product allows
// itself. The slice is measured again; figures with it would be those of refusing.
var errBusy = errors.New("too many requests were refused")

// state is the counters that a slice moves.
type state struct {
	server, redis time.Duration
	objects       int
	bytes         int
	reads         int
	calls         measure.Calls
}

func (s *stand) look(r row) (state, error) {
	var now state
	srv := s.servers[r.server]
	var err error
	if now.objects, now.bytes, err = srv.allocs(); err != nil {
		return now, err
	}
	if r.redis {
		info, err := measure.ReadInfo(s.redis)
		if err != nil {
			return now, err
		}
		now.reads, now.calls = info.Number("total_reads_processed"), info.Calls()
		if now.redis, err = cpuTime(s.redisPID); err != nil {
			return now, err
		}
	}
	now.server, err = familyTime(srv.pid)
	return now, err
}

// slice measures r for a while.
func (s *stand) slice(l *load, r row, o order) (sample, error) {
	var before state
	got, err := l.run(o, func() (err error) {
		before, err = s.look(r)
		return err
	})
	if err != nil {
		return sample{}, fmt.Errorf("%s, %s: %w", r.name, s.population, err)
	}
	after, err := s.lookAfter(r)
	if err != nil {
		return sample{}, err
	}
	if got.Requests == 0 || got.Refused > got.Requests/100 {
		return sample{}, fmt.Errorf("%s, %s: %w: %d answered 503, %d as they should be", r.name, s.population, errBusy, got.Refused, got.Requests)
	}
	n := float64(got.Requests)
	micros := func(d time.Duration) float64 { return float64(d) / 1e3 }
	one := sample{
		Requests:   got.Requests,
		Refused:    got.Refused,
		ServerCPU:  micros(after.server-before.server) / n,
		StoreCPU:   micros(after.redis-before.redis) / n,
		PerSecond:  n / got.Took.Seconds(),
		P50:        micros(got.P50),
		P99:        micros(got.P99),
		Allocs:     float64(after.objects-before.objects) / n,
		AllocBytes: float64(after.bytes-before.bytes) / n,
	}
	if r.redis {
		one.RoundTrips = float64(after.reads-before.reads-1) / n // one read is the INFO that looks
		for _, calls := range after.calls.Since(before.calls) {
			one.Commands += float64(calls) / n
		}
	}
	return one, nil
}

// lookAfter is look with the times first: what looking costs is not the row's.
func (s *stand) lookAfter(r row) (state, error) {
	server, err := familyTime(s.servers[r.server].pid)
	if err != nil {
		return state{}, err
	}
	var redis time.Duration
	if r.redis {
		if redis, err = cpuTime(s.redisPID); err != nil {
			return state{}, err
		}
	}
	now, err := s.look(r)
	now.server, now.redis = server, redis
	return now, err
}
