package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/measure"
	"gatehouse/internal/testenv"
)

var neighboursFlag = flag.String("bench.neighbours", "short", "`round` of quiet neighbours to measure: short, quick, full (minutes) or million")

// neighbourhood says how much is measured.
type neighbourhood struct {
	pairs     int // of a while in which nothing else happens and one in which it does
	while     time.Duration
	perSecond int // checks
	clients   int // that log in
	crowd     int // sessions that are listed or ended, in Redis
	again     int // how many are ended in the pairs after the first
	embedded  int // the same in the embedded default
}

var neighbourhoods = map[string]neighbourhood{
	"short":   {pairs: 1, while: 300 * time.Millisecond, perSecond: 100, clients: 100, crowd: 3000, again: 3000, embedded: 1000},
	"quick":   {pairs: 3, while: 3 * time.Second, perSecond: 400, clients: 1000, crowd: 10_000, again: 10_000, embedded: 5000},
	"full":    {pairs: 5, while: 3 * time.Second, perSecond: 400, clients: 1000, crowd: 100_000, again: 100_000, embedded: 20_000},
	"million": {pairs: 5, while: 4 * time.Second, perSecond: 400, clients: 1000, crowd: million, again: 100_000, embedded: 100_000},
}

// stoppedNote is how the page of a search begins to say that it has not looked at
// all sessions.
const stoppedNote = `<p class="note">`

// mostDisturbed is how many times its idle value p99 of checks may be.
const mostDisturbed = 3

// neighbour is something that happens beside the checks.
type neighbour struct {
	name     string
	embedded bool
	limits   bool // of log-ins are on, as by default
	// do lets it happen for a while, or until it is done. What it returns brings
	// it to an end, when nobody is watched any more, and says what happened.
	do func(*block) (end func() (string, error), err error)
	// needs is whether the crowd has to be there anew.
	needs bool
}

// neighbours are what is measured, in the order of the table.
var neighbours = []neighbour{
	{name: "log-ins flood, Redis", limits: true, do: (*block).flood},
	{name: "an administrator turns pages, Redis", limits: true, do: (*block).turnPages},
	{name: "an administrator searches, Redis", limits: true, do: (*block).search},
	{name: "a program lists, Redis", limits: true, do: (*block).list},
	{name: "end of everyone in a role, Redis", limits: true, do: (*block).endRole, needs: true},
	{name: "end of everyone, Redis", limits: true, do: (*block).endEveryone, needs: true},
	{name: "log-ins flood, no limits, Redis", do: (*block).flood},
	{name: "log-ins flood, embedded", embedded: true, limits: true, do: (*block).flood},
	{name: "an administrator turns pages, embedded", embedded: true, limits: true, do: (*block).turnPages},
	{name: "an administrator searches, embedded", embedded: true, limits: true, do: (*block).search},
	{name: "a program lists, embedded", embedded: true, limits: true, do: (*block).list},
	{name: "end of everyone in a role, embedded", embedded: true, limits: true, do: (*block).endRole, needs: true},
	{name: "end of everyone, embedded", embedded: true, limits: true, do: (*block).endEveryone, needs: true},
	{name: "log-ins flood, no limits, embedded", embedded: true, do: (*block).flood},
}

// block is where neighbours live: a site, those who watch and those who flood.
type block struct {
	*site
	n            neighbourhood
	watch, other *helper
}

// TestNeighbours measures what log-ins, lists and ends do to the checks of those
// who are in. In the short round it proves that nobody is refused and all is
// answered.
func TestNeighbours(t *testing.T) {
	n, ok := neighbourhoods[*neighboursFlag]
	if !ok {
		t.Fatalf("-bench.neighbours=%s: there is a short, a quick, a full and a million round", *neighboursFlag)
	}
	if *roundsFlag > 0 {
		n.pairs = *roundsFlag
	}
	began := time.Now()
	bin := build(t)
	report := &Disturbances{Round: *neighboursFlag, Machine: newReport(t, round{}), PerSecond: n.perSecond, Clients: n.clients}
	for _, embedded := range []bool{false, true} {
		chosen := chosenNeighbours(embedded)
		if len(chosen) == 0 {
			continue
		}
		crowd := n.crowd
		if embedded {
			crowd = n.embedded
		}
		tell("filling the stores …")
		b := &block{site: newSite(t, embedded, crowd), n: n, watch: startHelper(t, roleWatch), other: startHelper(t, roleFlood, "chrt", "--idle", "0")}
		for _, limits := range []bool{true, false} {
			t.Run(fmt.Sprintf("embedded=%t,limits=%t", embedded, limits), func(t *testing.T) {
				b.t = t
				served := false
				for _, one := range chosen {
					if one.limits != limits {
						continue
					}
					if !served {
						b.serve(t, bin, limits)
						served = true
					}
					d, err := b.disturb(one)
					if err != nil {
						t.Fatalf("%s: %v", one.name, err)
					}
					report.All = append(report.All, d)
				}
			})
		}
		if t.Failed() {
			return // half a table would look like a whole one
		}
	}
	report.Took = time.Since(began)
	report.Machine.LoadAverage = measure.LoadAverage()
	fmt.Print(report)
	if *jsonFlag != "" {
		must(t, os.WriteFile(*jsonFlag, report.json(), 0o644))
	}
	report.hold(t)
}

func chosenNeighbours(embedded bool) (some []neighbour) {
	for _, one := range neighbours {
		wanted := *onlyFlag == ""
		for word := range strings.SplitSeq(*onlyFlag, "+") {
			wanted = wanted || strings.Contains(one.name, word)
		}
		if wanted && one.embedded == embedded {
			some = append(some, one)
		}
	}
	return some
}

// disturb measures one neighbour. Where a busy machine let the product refuse
// somebody in a short round, that pair is measured again, a few times.
func (b *block) disturb(one neighbour) (*Disturbance, error) {
	d := &Disturbance{Name: one.name}
	for i := range b.n.pairs {
		tell("%s, %d of %d, load average %s", one.name, i+1, b.n.pairs, measure.LoadAverage())
		for try := 1; ; try++ {
			if want := b.wants(i); one.needs && b.crowd < want {
				b.fill(want - b.crowd)
			}
			var p Pair
			var err error
			settled := b.settle()
			p.Sessions = b.crowd
			if p.Idle, err = b.watched(func() error { time.Sleep(b.n.while); return nil }); err != nil {
				return d, err
			}
			var end func() (string, error)
			p.Busy, err = b.watched(func() (err error) {
				end, err = one.do(b)
				return err
			})
			if err != nil {
				return d, err
			}
			if p.Did, err = end(); err != nil {
				return d, err
			}
			p.Settled = settled
			if *neighboursFlag != "short" || p.refused() == 0 || try == 5 {
				d.Pairs = append(d.Pairs, p)
				break
			}
		}
	}
	return d, nil
}

// wants is how many sessions have to be there in a pair that ends them.
func (b *block) wants(pair int) int {
	switch {
	case b.embedded:
		return b.n.embedded
	case pair == 0:
		return b.n.crowd
	}
	return b.n.again
}

// settle waits until the server has nothing to do any more, as far as can be
// seen in its CPU time, and reports whether it ever had.
func (b *block) settle() bool {
	const quiet = 20 * time.Millisecond // of a fifth of a second
	for deadline := time.Now().Add(patience / 4); time.Now().Before(deadline); {
		before, err := familyTime(b.server.pid)
		must(b.t, err)
		time.Sleep(200 * time.Millisecond)
		after, err := familyTime(b.server.pid)
		must(b.t, err)
		if after-before < quiet {
			return true
		}
	}
	return false
}

// watched watches the checks while f runs.
func (b *block) watched(f func() error) (seen Watched, err error) {
	o := watchOrder{Addr: b.server.addr, Path: whoAmIPath, Carriers: b.checked, PerSecond: b.n.perSecond}
	before, err := familyTime(b.server.pid)
	if err != nil {
		return seen, err
	}
	stop, err := b.watch.start(o)
	if err != nil {
		return seen, err
	}
	err = errors.Join(f(), stop(&seen))
	after, lost := familyTime(b.server.pid)
	if err == nil {
		err = lost
	}
	if seen.Took > 0 {
		seen.Cores = float64(after-before) / float64(seen.Took)
	}
	if err == nil && seen.Error != "" {
		err = errors.New(seen.Error)
	}
	return seen, err
}

// did is the end of what is over by itself.
func did(what string, err error) (func() (string, error), error) {
	return func() (string, error) { return what, nil }, err
}

// flood lets very many log in.
func (b *block) flood() (func() (string, error), error) {
	stop, err := b.other.start(floodOrder{Addr: b.server.addr, Bodies: b.forms, Clients: b.n.clients})
	if err != nil {
		return nil, err
	}
	time.Sleep(floodBegins + b.n.while)
	return func() (string, error) {
		var got Flooded
		err := stop(&got)
		if err == nil && got.Error != "" {
			err = errors.New(got.Error)
		}
		if err == nil && (got.In+got.Wrong+got.Limited+got.Busy == 0 || got.Other > 0) {
			err = fmt.Errorf("a flood that was not answered as log-ins are: %+v", got)
		}
		return fmt.Sprintf("%.0f/s: %d in, %d wrong, %d too many, %d busy", float64(got.In+got.Wrong+got.Limited+got.Busy)/got.Took.Seconds(),
			got.In, got.Wrong, got.Limited, got.Busy), err
	}, nil
}

// again asks for path after path until the while is over.
func (b *block) again(path func(i int, last string) string, right func(string) bool) (func() (string, error), error) {
	began, n, slowest, last := time.Now(), 0, time.Duration(0), ""
	for ; n == 0 || time.Since(began) < b.n.while; n++ {
		sent := time.Now()
		var err error
		if last, err = b.ask(context.Background(), http.MethodGet, path(n, last), nil); err != nil {
			return nil, err
		}
		if !right(last) {
			return nil, fmt.Errorf("not what was asked for: %.2000s", last)
		}
		slowest = max(slowest, time.Since(sent))
	}
	return did(fmt.Sprintf("%d, slowest %v", n, slowest.Round(time.Millisecond)), nil)
}

func (b *block) turnPages() (func() (string, error), error) {
	return b.again(func(i int, _ string) string { return fmt.Sprint("/admin/sessions?page=", i+1) },
		func(page string) bool { return strings.Count(page, "data-session=") > 1 })
}

// search looks for one of all: every session has to be looked at, or as many as the
// page has time for.
func (b *block) search() (func() (string, error), error) {
	return b.again(func(i int, _ string) string { return fmt.Sprintf("/admin/sessions?q=u%07d", (i*7919)%b.crowd) },
		func(page string) bool {
			return strings.Contains(page, "data-session=") || strings.Contains(page, stoppedNote)
		})
}

func (b *block) list() (func() (string, error), error) {
	return b.again(func(i int, last string) string {
		var part struct{ Next string }
		_ = json.Unmarshal([]byte(last), &part) // nothing yet: from the beginning
		return "/api/v1/admin/sessions?limit=200&cursor=" + part.Next
	}, func(text string) bool {
		var part struct {
			Sessions []struct{}
			Total    int
		}
		return json.Unmarshal([]byte(text), &part) == nil && len(part.Sessions) > 0 && part.Total >= b.crowd
	})
}

func (b *block) endRole() (func() (string, error), error) {
	return b.ends(map[string]any{"role": "user"})
}

func (b *block) endEveryone() (func() (string, error), error) {
	return b.ends(map[string]any{"all": true})
}

func (b *block) ends(body map[string]any) (func() (string, error), error) {
	n := b.crowd
	took, err := b.end(context.Background(), body)
	return did(fmt.Sprintf("%d in %v", n, took.Round(time.Millisecond)), err)
}

// startHelper starts this test binary in a role, by a command that starts another
// one, if any.
func startHelper(t testing.TB, role string, by ...string) *helper {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	argv := append(by, self, testenv.TempDir(t))
	cmd := exec.Command(argv[0], argv[1:]...)
	h := asHelper(t, cmd, role)
	return &h
}

// start lets the helper carry out an order until stop, which reads what came of
// it into got.
func (h *helper) start(order any) (stop func(got any) error, err error) {
	if err := h.orders.Encode(order); err != nil {
		return nil, err
	}
	return func(got any) error {
		if err := h.orders.Encode(true); err != nil {
			return err
		}
		return h.answers.Decode(got)
	}, nil
}

func tell(format string, args ...any) {
	if *neighboursFlag != "short" {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}
