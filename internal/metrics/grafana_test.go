package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is as much of Grafana's model as these tests need.
type dashboard struct {
	Title      string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct{ RefID, Expr, LegendFormat string }
	Panels  []panel // of a row that is folded
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	// series are the names in an expression that stand before a selector.
	series = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{`)
	// named are all that look like metrics.
	named = regexp.MustCompile(`\b(?:gatehouse|go|process)_[a-z_]+\b`)
	label = regexp.MustCompile(`([a-z_]+)\s*(?:=|!=|=~|!~)\s*"`)
	by    = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// family returns the metric that a series belongs to.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// The dashboard asks for nothing that the program does not export, by no label
// that it does not have, and shows all that is the program's own.
func TestDashboard(t *testing.T) {
	labels := map[string][]string{}
	for _, f := range gather(t, busy(t)) {
		own := []string{"job", "instance", "le"} // Prometheus' own, and histograms'
		for _, l := range f.GetMetric()[0].GetLabel() {
			own = append(own, l.GetName())
		}
		labels[f.GetName()] = own
	}
	shown := map[string]bool{}
	check := func(where, expr string) {
		bare := quoted.ReplaceAllString(expr, `""`)
		var used []string
		for _, found := range append(named.FindAllString(bare, -1), first(series.FindAllStringSubmatch(bare, -1))...) {
			name := family(found)
			if labels[name] == nil {
				t.Errorf("%s asks for %s, which is not exported", where, found)
				continue
			}
			shown[name] = true
			used = append(used, name)
		}
		if len(used) == 0 {
			t.Errorf("%s asks for nothing: %s", where, expr)
			return
		}
		asked := first(label.FindAllStringSubmatch(expr, -1))
		for _, group := range first(by.FindAllStringSubmatch(bare, -1)) {
			for one := range strings.SplitSeq(group, ",") {
				asked = append(asked, strings.TrimSpace(one))
			}
		}
		for _, one := range asked {
			if !slices.Contains(labels[used[0]], one) {
				t.Errorf("%s asks %s for the label %s, which it does not have", where, used[0], one)
			}
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
			t.Errorf("%s has brackets left: %s", where, expr)
		}
	}
	d := readDashboard(t)
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.W < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q: an id twice, no title, or off the grid", p.ID, p.Title)
		}
		ids[p.ID] = true
		if len(p.Targets) == 0 && p.Type != "row" {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr)
			for _, placeholder := range first(regexp.MustCompile(`\{\{([a-z_]+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1)) {
				if !slices.Contains(labels[family(named.FindString(target.Expr))], placeholder) {
					t.Errorf("panel %s names the label %s, which is not there", p.Title, placeholder)
				}
			}
		}
	}
	for _, v := range d.Templating.List {
		for _, found := range named.FindAllString(v.Definition, -1) {
			if labels[found] == nil {
				t.Errorf("variable %s asks for %s, which is not exported", v.Name, found)
			}
		}
	}
	for name := range labels {
		if strings.HasPrefix(name, "gatehouse_") && !shown[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
}

// first returns the first group of each match.
func first(matches [][]string) (all []string) {
	for _, m := range matches {
		all = append(all, m[1])
	}
	return all
}
