package metrics

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Both READMEs list what the program exports, all of it and nothing else, with its
// labels.
func TestReadmes(t *testing.T) {
	var want []string
	for _, f := range gather(t, busy(t)) {
		if !strings.HasPrefix(f.GetName(), "gatehouse_") {
			continue
		}
		row := f.GetName()
		for _, l := range f.GetMetric()[0].GetLabel() {
			row += " " + l.GetName()
		}
		want = append(want, row)
	}
	code := regexp.MustCompile("`([^`]+)`")
	for _, name := range []string{"README.md", "README.ko.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "| `gatehouse_") {
				continue
			}
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			if len(cells) != 3 || len(strings.TrimSpace(cells[2])) < 5 {
				t.Errorf("%s: a row says too little: %s", name, line)
				continue
			}
			labels := first(code.FindAllStringSubmatch(cells[1], -1))
			slices.Sort(labels) // as they are exported
			got = append(got, strings.Join(append(first(code.FindAllStringSubmatch(cells[0], -1)), labels...), " "))
		}
		slices.Sort(got)
		for _, row := range want {
			if !slices.Contains(got, row) {
				t.Errorf("%s has no row for %q", name, row)
			}
		}
		for i, row := range got {
			if !slices.Contains(want, row) || i > 0 && got[i-1] == row {
				t.Errorf("%s has a row for %q, which is not exported, or two", name, row)
			}
		}
	}
}
