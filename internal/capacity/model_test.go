package capacity

import (
	"math"
	"strings"
	"testing"
	"time"
)

// simple is a model in which everything can be computed in one's head.
func simple() Model {
	return Model{
		Figures: Figures{
			Check:     Cost{Node: 100, Redis: 10, Sent: 50, Received: 150, Trips: 1},
			Touch:     Cost{Node: 20, Redis: 30, Sent: 100, Received: 10, Trips: 1, Replicated: 300},
			Login:     Cost{Node: 50_000, Redis: 100, Sent: 300, Received: 10, Trips: 1, Replicated: 400},
			End:       Cost{Node: 300, Redis: 100, Sent: 300, Received: 10, Trips: 1, Replicated: 400},
			GateRedis: 10, SessionBytes: 500, TombstoneBytes: 100, LedgerBytes: 200, AuditBytes: 300, LedgerMicros: 1000,
		},
		Rates: Rates{Every: 100 * time.Second, Logins: 0.864, Peak: 10, Ended: 0.5, Idle: time.Hour, Lifetime: 10 * time.Hour},
		Plan: Plan{Cores: 8, Busy: 0.5, ShardGB: 10, Copies: 2, Replicas: 2, Mbit: 1000, Fsync: time.Millisecond, DiskGB: 100,
			AuditKept: 100 * day, LedgerKept: 10 * day},
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestNeed(t *testing.T) {
	n := simple().Need(10_000_000)
	near(t, "checks", n.Checks, 100_000)
	near(t, "touches", n.Touches, 50_000) // a request each 100 s, due after 180: with every second one
	near(t, "log-ins", n.Logins, 1000)    // 100 a second over the day
	near(t, "ends", n.Ends, 500)
	near(t, "busy cores of nodes", n.NodeCores, 10+1+50+0.2)
	// By CPU 61.2/0.5/8 = 15.3; by hashes 1000 × 50 ms / 0.5 / 4 = 25, and one to spare.
	near(t, "nodes", float64(n.Nodes), 26)
	gate := 26 * 16 * 2 * 10e-6
	redis := 1 + 1.5 + 0.1 + 0.055
	near(t, "masters", float64(n.Shards), math.Ceil(redis/(0.5-gate)))
	near(t, "busy cores of masters", n.RedisCores, redis+gate*float64(n.Shards))
	// 5 GB of sessions; half of 100 log-ins a second ended, on the average 5 hours ago.
	bytes := (5e9 + 50*5*3600*100) * 1.1
	near(t, "memory", n.ShardGB, bytes*2/float64(n.Shards)/1e9)
	wire := 100_000*(200+132.) + 50_000*(110+132) + 1000*(310+132) + 500*(310+132+200+132)
	replicated := 50_000*300 + 1000*400 + 500*400.
	events := 500 * 26 * 156.
	near(t, "network of a master", n.ShardMbit, 8*((wire+2*replicated)/float64(n.Shards)+events)/1e6)
	near(t, "network of a node", n.NodeMbit, 8*(wire/26+500*156)/1e6)
	near(t, "commits", n.Commits, 2000)
	near(t, "disk", n.DiskGB, (50*200*10*86400.+150*300*100*86400)/1e9)
	near(t, "the ledger's time", n.LedgerBusy, 1)
	near(t, "connections to Redis", float64(n.RedisClients), 26*64)
}

// The least there is: two nodes, one Redis; three masters where one is not enough.
func TestNeedAtLeast(t *testing.T) {
	m := simple()
	if n := m.Need(100); n.Nodes != 2 || n.Shards != 1 {
		t.Errorf("%+v", n)
	}
	m.ShardGB = 8 // for 11.2 GB
	if n := m.Need(10_000_000); n.Shards < 3 {
		t.Errorf("%d masters", n.Shards)
	}
}

func TestTouchEvery(t *testing.T) {
	m := simple()
	for every, want := range map[time.Duration]time.Duration{
		time.Second: 180 * time.Second, time.Minute: 3 * time.Minute, 100 * time.Second: 200 * time.Second, time.Hour: time.Hour,
	} {
		if m.Every = every; m.touchEvery() != want {
			t.Errorf("a request per %v: touched every %v, want %v", every, m.touchEvery(), want)
		}
	}
}

// What is full at a size needs no more than the smallest set-up just below, and
// more just above.
func TestFullAt(t *testing.T) {
	m := simple()
	all := m.FullAt()
	if len(all) != 7 {
		t.Fatalf("%v", all)
	}
	for i, f := range all {
		if i > 0 && f.Sessions < all[i-1].Sessions {
			t.Errorf("not in order: %v", all)
		}
		below, above := m.Need(0.99*f.Sessions), m.Need(1.01*f.Sessions)
		for what, fits := range map[Resource]func(Need) bool{
			NodeCPU:     func(n Need) bool { return n.NodeCores <= 8*0.5 },
			Hashing:     func(n Need) bool { return n.Logins*0.05 <= 4*0.5 },
			RedisCPU:    func(n Need) bool { return m.sum(n, func(c Cost) float64 { return c.Redis })/1e6 <= 0.5-2*16*2*10e-6 },
			RedisMemory: func(n Need) bool { return n.ShardGB*float64(n.Shards) <= 10 },
			LedgerTurns: func(n Need) bool { return n.LedgerBusy <= 0.5 },
			SQLDisk:     func(n Need) bool { return n.DiskGB <= 100 },
		} {
			if what == f.Resource && (!fits(below) || fits(above)) {
				t.Errorf("%d is not full at %v", what, f.Sessions)
			}
		}
	}
	m.Ended = 0
	if all := m.FullAt(); len(all) != 6 {
		t.Errorf("without ends: %v", all)
	}
}

func TestNumbers(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.347: "0.35", 3.14: "3.1", 9.96: "10", 17_456: "17,000", 0.00678: "0.0068", 1_666_667: "1,700,000"} {
		if got := rate(x); got != want {
			t.Errorf("%v is said as %s, want %s", x, got, want)
		}
	}
}

func TestReplace(t *testing.T) {
	got, err := Replace("# A\n\n### B\n\nold\n\n## C\n", "### B\n\nnew\n\n")
	if want := "# A\n\n### B\n\nnew\n\n## C\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, readme := range []string{"# A\n", "# A\n\n### B\n\nold\n"} {
		if _, err := Replace(readme, "### B\n\nnew\n\n"); err == nil {
			t.Errorf("%q: nothing was refused", readme)
		}
	}
}

func TestFiguresMissing(t *testing.T) {
	f, err := Stored()
	if err != nil {
		t.Fatal(err)
	}
	f.Touch.Redis = 0
	if err := f.check(); err == nil || !strings.Contains(err.Error(), "Touch.Redis") {
		t.Errorf("%v", err)
	}
}

func TestValid(t *testing.T) {
	r, p := Default()
	if err := Valid(r, p); err != nil {
		t.Error(err)
	}
	r.Every = 0
	if Valid(r, p) == nil {
		t.Error("no time between requests")
	}
	r, p = Default()
	p.Cores = 0
	if Valid(r, p) == nil {
		t.Error("nodes without cores")
	}
}
