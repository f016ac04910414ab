package capacity

import (
	"os"
	"strings"
	"testing"
)

// TestReadme: both say what `make capacity` says.
func TestReadme(t *testing.T) {
	figures, err := Stored()
	if err != nil {
		t.Fatal(err)
	}
	rates, plan := Default()
	m := Model{figures, rates, plan}
	for in, name := range map[Language]string{English: "../../README.md", Korean: "../../README.ko.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		section := m.Section(in)
		if strings.Contains(section, "%!") {
			t.Errorf("%s: a figure has no place:\n%s", in, section)
		}
		if !strings.Contains(string(text), section) {
			t.Errorf("%s is not what the figures say: make capacity CAPACITY=-write", name)
		}
	}
}
