package capacity

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Sizes are the numbers of live sessions that the section is about.
var Sizes = []float64{10_000, 1_000_000, 100_000_000}

// Section returns the section of the README in a language, from its heading to an
// empty line at its end.
func (m Model) Section(in Language) string {
	w := texts[in]
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n```sh\nmake capacity\n```\n\n", w.heading)
	fmt.Fprintf(&b, w.intro+"\n\n", m.Machine, m.Commit, m.Date, m.Load, whole(float64(m.Sessions)))
	fmt.Fprintf(&b, w.rates+"\n\n", w.time(m.Every), short(m.Rates.Logins), short(m.Peak), percent(m.Ended), w.time(m.touchEvery()),
		percent(m.Busy), short(m.Copies), m.Replicas, w.time(m.Fsync))

	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	rule := func(columns int) { fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", columns)) }
	row(w.costs...)
	rule(len(w.costs))
	for i, c := range []Cost{m.Figures.Check, m.Touch, m.Login, m.End} {
		row(w.cost[i], micros(c.Node), micros(c.Redis), whole(round(c.Sent+c.Received, 3)), whole(round(c.Replicated, 3)))
	}
	fmt.Fprintf(&b, "\n"+w.weights+"\n\n", whole(round(m.SessionBytes, 3)), whole(round(m.TombstoneBytes, 2)), whole(round(m.LedgerBytes, 2)),
		whole(round(m.AuditBytes, 2)), micros(m.LedgerMicros))

	row(append([]string{w.live}, w.sizes...)...)
	rule(len(Sizes) + 1)
	var needs []Need
	for _, size := range Sizes {
		needs = append(needs, m.Need(size))
	}
	line := func(what string, of func(Need) string) {
		cells := []string{what}
		for _, n := range needs {
			cells = append(cells, of(n))
		}
		row(cells...)
	}
	line(w.needs[0], func(n Need) string { return rate(n.Checks) + ", " + rate(n.Touches) })
	line(w.needs[1], func(n Need) string { return rate(n.Logins) + ", " + rate(n.Ends) })
	line(fmt.Sprintf(w.needs[2], m.Cores), func(n Need) string { return fmt.Sprintf(w.nodes, whole(float64(n.Nodes)), rate(n.NodeCores)) })
	line(w.needs[3], func(n Need) string {
		if n.Shards == 1 {
			return fmt.Sprintf(w.single, rate(n.RedisCores))
		}
		return fmt.Sprintf(w.cluster, whole(float64(n.Shards)), rate(n.RedisCores))
	})
	line(w.needs[4], func(n Need) string { return rate(n.ShardGB) })
	line(w.needs[5], func(n Need) string { return rate(n.ShardMbit) + ", " + rate(n.NodeMbit) })
	line(w.needs[6], func(n Need) string { return rate(n.Commits) })
	line(w.needs[7], func(n Need) string { return rate(n.DiskGB) })
	line(w.needs[8], func(n Need) string { return whole(float64(n.RedisClients)) + ", " + whole(float64(n.SQLClients)) })
	fmt.Fprintf(&b, "\n")
	if last := needs[len(needs)-1]; last.LedgerBusy > m.Busy {
		fmt.Fprintf(&b, w.beyond+"\n\n", percent(last.LedgerBusy), w.sizes[len(w.sizes)-1])
	}

	fmt.Fprintf(&b, w.smallest+"\n\n", m.Cores, whole(m.ShardGB), whole(m.Mbit), whole(m.DiskGB))
	row(w.breaks...)
	rule(len(w.breaks))
	for _, f := range m.FullAt() {
		row(w.resource[f.Resource], million(f.Sessions, w), w.then[f.Resource])
	}
	return b.String() + "\n"
}

// Replace returns the text of a README with its section of the same heading
// replaced.
func Replace(readme, section string) (string, error) {
	heading, _, _ := strings.Cut(section, "\n")
	before, after, found := strings.Cut(readme, "\n"+heading+"\n")
	if !found {
		return "", errors.New("capacity: there is no heading " + heading)
	}
	next := strings.Index(after, "\n#")
	if next < 0 {
		return "", errors.New("capacity: there is no heading after " + heading)
	}
	return before + "\n" + section + after[next+1:], nil
}

// round returns x with so many digits that count.
func round(x float64, digits int) float64 {
	if x <= 0 {
		return 0
	}
	unit := math.Pow10(int(math.Floor(math.Log10(x))) - digits + 1)
	if unit >= 1 {
		return math.Round(x/unit) * unit
	}
	return math.Round(x/unit) / math.Round(1/unit)
}

// rate returns x with two digits that count, "17,000" or "0.35".
func rate(x float64) string {
	x = round(x, 2)
	if x >= 10 || x == math.Trunc(x) {
		return whole(x)
	}
	return short(x)
}

// short returns x without zeros at its end.
func short(x float64) string { return fmt.Sprint(round(x, 3)) }

// whole returns x with commas.
func whole(x float64) string {
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(x float64) string { return rate(100*x) + " %" }

// micros returns µs, or ms where they are many.
func micros(x float64) string {
	if x >= 1000 {
		return rate(x/1000) + " ms"
	}
	return rate(x) + " µs"
}

// million returns a number of sessions, in words from a million on.
func million(x float64, w text) string {
	switch {
	case x >= 1e8 && w.million == "": // counted in ten thousands and hundred millions
		return rate(x/1e8) + "억"
	case x >= 1e6 && w.million == "":
		return rate(x/1e4) + "만"
	case x >= 1e6:
		return rate(x/1e6) + " " + w.million
	}
	return whole(round(x, 2))
}

// time returns a duration in the words of the language.
func (w text) time(d time.Duration) string {
	switch {
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf(w.minutes, d/time.Minute)
	case d < time.Second:
		return fmt.Sprintf("%v ms", d.Milliseconds())
	}
	return fmt.Sprintf(w.seconds, short(d.Seconds()))
}
