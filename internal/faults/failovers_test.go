//go:build faults

package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

var failoversFlag = flag.Int("faults.failovers", 0, "how often the master is killed")

// failoverBack is the promise: how long after the promotion the service may be
// away.
const failoverBack = 2 * time.Second

func TestFailovers(t *testing.T) {
	if *failoversFlag == 0 {
		return // TestI5_Failover has done one of each kind
	}
	set := testenv.RedisSentinel(t, 2, 3)
	keepLogs(t, set, func() []*node { return nil })
	set.Hurry()
	s := newSiteOn(t, set.URL())
	rnd := rand.New(rand.NewPCG(seed(), 0))
	const what = "Redis master killed, replica promoted"
	var r row
	late, deposed := 0, 0
	old := settled(t, set)
	for r.times < *failoversFlag {
		s.back()
		var f *failover
		known := false // the log-ins to both replicas, so that none may be lost
		before := r
		s.breakWhileEnding(&r, rnd, func() { known = set.InStep(old) }, func() time.Duration {
			f = s.failOver(set, old)
			return f.away
		})
		if !known { // it was no longer the master: only the ends count
			t.Logf("the sentinels have replaced a master that was well, before %s", stamp(f.killed))
			deposed++
			r.times, r.away, r.lived, r.lost = before.times, before.away, before.lived, before.lost
			old.Start()
			old = settled(t, set)
			continue
		}
		if f.away > failoverBack {
			late++
		}
		if f.away > failoverBack/2 || r.lost > before.lost || r.revived > before.revived {
			t.Logf("%d sessions lost, %d ends undone; %v", r.lost-before.lost, r.revived-before.revived, f)
		}
		old.Start() // as the master that it was, with its data, until it is told
		if old = settled(t, set); old != f.promoted {
			t.Logf("the sentinels have replaced the master that they had promoted at %s", stamp(f.at))
			deposed++
		}
		if r.times%10 == 0 && r.times < *failoversFlag { // it takes long
			r.print("so far: " + what)
		}
	}
	s.judge(r, what)
	if r.lost > 0 {
		t.Errorf("%d live sessions are gone, and both replicas held them", r.lost)
	}
	if late*100 > r.times { // one in a hundred may be the machine's
		t.Errorf("%d of %d times the service was away for more than %v after the promotion", late, r.times, failoverBack)
	}
	// Else it is the sentinels' haste that was measured.
	if deposed*10 > r.times {
		t.Errorf("%d of %d times the sentinels replaced a master that was well", deposed, r.times)
	}
}

// failover is what one looked like from here.
type failover struct {
	killed, at time.Time                   // at: of the promotion that lasted until the service was back
	promoted   *testenv.RedisProc          // then
	undone     int                         // promotions before that
	away       time.Duration               // after at
	why        []string                    // the service was away, and since when
	masters    map[*testenv.RedisProc]bool // as they last said themselves
}

// lookEvery is how often the servers are asked who is a master.
const lookEvery = 20 * time.Millisecond

// failOver kills old and waits until the service is back.
func (s *site) failOver(set *testenv.SentinelSet, old *testenv.RedisProc) *failover {
	f := &failover{killed: time.Now(), masters: map[*testenv.RedisProc]bool{}}
	old.Kill()
	f.promoted = set.Promoted(old)
	f.at, f.masters[f.promoted] = time.Now(), true
	began, looked, last := f.at, f.at, ""
	after := s.backTelling(func(asked time.Time, why error) {
		if text := why.Error(); text != last {
			f.why = append(f.why, stamp(asked)+" "+text)
			last = text
		}
		if time.Since(looked) > lookEvery {
			f.look(set, old)
			looked = time.Now()
		}
	})
	f.away = began.Add(after).Sub(f.at)
	return f
}

// look notes who has become a master since it looked last.
func (f *failover) look(set *testenv.SentinelSet, old *testenv.RedisProc) {
	for _, r := range set.Redis {
		if r == old {
			continue
		}
		is := testenv.IsMaster(r.Addr())
		if is && !f.masters[r] {
			f.at, f.promoted = time.Now(), r
			f.undone++
		}
		f.masters[r] = is
	}
}

func (f *failover) String() string {
	return fmt.Sprintf("%s killed, %s %s promoted after %d others, back after %v\n  %s", stamp(f.killed), stamp(f.at),
		portOf(f.promoted.Addr()), f.undone, f.away.Round(time.Millisecond), strings.Join(f.why, "\n  "))
}

// stamp writes t as the servers do in their logs.
func stamp(t time.Time) string { return t.UTC().Format("15:04:05.000") }
