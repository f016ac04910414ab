package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gatehouse/internal/config"
)

// readme is one of the two, taken apart.
type readme struct {
	name   string
	text   string   // without the code blocks
	blocks []string // fenced code, with its language in the first line
}

var fenced = regexp.MustCompile("(?ms)^```(.*?)^```\n")

func readmes(t *testing.T) []readme {
	t.Helper()
	var all []readme
	for _, name := range []string{"README.md", "README.ko.md"} {
		text := read(t, name)
		r := readme{name: name, text: fenced.ReplaceAllString(text, "")}
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			r.blocks = append(r.blocks, m[1])
		}
		if len(r.blocks) == 0 || strings.Contains(r.text, "```") {
			t.Fatalf("%s: code blocks cannot be told from text", name)
		}
		all = append(all, r)
	}
	return all
}

// commands returns what a reader may type: the lines of shell blocks, those
// after a prompt, and code within sentences.
func (r readme) commands() []string {
	var all []string
	for _, b := range r.blocks {
		language, code, _ := strings.Cut(b, "\n")
		for line := range strings.Lines(code) {
			typed, prompt := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if language == "sh" || prompt {
				all = append(all, typed)
			}
		}
	}
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(r.text, -1) {
		all = append(all, m[1])
	}
	return all
}

// tables returns the rows of each table, cells trimmed.
func (r readme) tables() [][][]string {
	var all [][][]string
	inside := false
	for line := range strings.Lines(r.text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		if !inside {
			all = append(all, nil)
			inside = true
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all[len(all)-1] = append(all[len(all)-1], cells)
	}
	return all
}

// headings returns them as they are written: "## Figures".
func (r readme) headings() []string {
	return regexp.MustCompile(`(?m)^#+ .+$`).FindAllString(r.text, -1)
}

// TestReadmeSettings compares the configuration tables with the program.
func TestReadmeSettings(t *testing.T) {
	for _, r := range readmes(t) {
		var rows [][]string
		for _, table := range r.tables() {
			for _, row := range table {
				if strings.HasPrefix(row[0], "`GATEHOUSE_") && len(row) == 3 {
					rows = append(rows, row)
				}
			}
		}
		settings := config.Settings()
		if len(rows) != len(settings) {
			t.Errorf("%s: %d settings in the table, the program has %d", r.name, len(rows), len(settings))
		}
		for i, s := range settings[:min(len(rows), len(settings))] {
			def := "–"
			if s.Default != "" {
				def = "`" + s.Default + "`"
			}
			if rows[i][0] != "`"+s.Env+"`" || rows[i][1] != def || rows[i][2] == "" {
				t.Errorf("%s: row %d is %q, want %s, %s and a meaning", r.name, i+1, rows[i], s.Env, def)
			}
			// As the sentence above the table says.
			if flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(s.Env, "GATEHOUSE_")), "_", "-"); s.Flag != flag {
				t.Errorf("%s has the flag %s, not %s", s.Env, s.Flag, flag)
			}
		}
		settings = append(settings, config.RemoteSettings()...)
		for _, used := range regexp.MustCompile(`GATEHOUSE_[A-Z_]+`).FindAllString(read(t, r.name), -1) {
			if !slices.ContainsFunc(settings, func(s config.Setting) bool { return s.Env == used }) {
				t.Errorf("%s names %s, which is no setting", r.name, used)
			}
		}
	}
}

// TestReadmeMakeTargets finds a target that is not there.
func TestReadmeMakeTargets(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, r := range readmes(t) {
		for _, command := range r.commands() {
			for _, m := range regexp.MustCompile(`\bmake ([a-z]+)`).FindAllStringSubmatch(command, -1) {
				if !strings.Contains(makefile, "\n"+m[1]+":") {
					t.Errorf("%s: %q: the Makefile has no %s", r.name, command, m[1])
				}
			}
		}
	}
}

// TestReadmeCommands asks the program whether it knows the commands and flags.
func TestReadmeCommands(t *testing.T) {
	program := filepath.Join(t.TempDir(), "gatehouse")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/gatehouse")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	help := func(command string) string {
		out, err := exec.Command(program, append(strings.Fields(command), "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("gatehouse %s --help: %v\n%s", command, err, out)
		}
		return string(out)
	}
	flag := regexp.MustCompile(`--[a-z][a-z-]*`)
	flags := map[string][]string{} // of each command
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?)(?: [<\[].*)?$`).FindAllStringSubmatch(help(""), -1) {
		flags[m[1]] = flag.FindAllString(help(m[1]), -1)
	}
	if len(flags) < 10 {
		t.Fatalf("only %d commands found", len(flags))
	}
	for _, r := range readmes(t) {
		seen := 0
		for _, command := range r.commands() {
			known, called := commandOf(command, flags)
			if called && known == "" {
				t.Errorf("%s: %q is no command of the program", r.name, command)
			}
			if known == "" {
				continue
			}
			seen++
			for _, used := range flag.FindAllString(command, -1) {
				if !slices.Contains(flags[known], used) {
					t.Errorf("%s: %q: %s has no %s", r.name, command, known, used)
				}
			}
		}
		if seen < 20 {
			t.Errorf("%s: only %d commands found", r.name, seen)
		}
	}
}

// commandOf returns which of our commands a line runs, if any, and whether it
// calls the program by name.
func commandOf(line string, known map[string][]string) (command string, called bool) {
	if m := regexp.MustCompile(`^(?:.*[ /])?gatehouse (.+)$`).FindStringSubmatch(line); m != nil {
		line, called = m[1], true
	}
	words := strings.Fields(line)
	for n := min(2, len(words)); n > 0; n-- {
		if c := strings.Join(words[:n], " "); known[c] != nil {
			return c, called
		}
	}
	return "", called
}

// TestReadmeLinks finds a file, a picture or a heading that is not there.
func TestReadmeLinks(t *testing.T) {
	for _, r := range readmes(t) {
		var anchors []string
		for _, h := range r.headings() {
			anchors = append(anchors, "#"+anchor(h))
		}
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)|(?:src|srcset|href)="([^"]+)"`).FindAllStringSubmatch(r.text, -1) {
			link := m[1] + m[2]
			switch {
			case strings.HasPrefix(link, "https://"):
			case strings.HasPrefix(link, "#"):
				if !slices.Contains(anchors, link) {
					t.Errorf("%s: there is no heading %s", r.name, link)
				}
			default:
				if _, err := os.Stat(filepath.Join(root, link)); err != nil {
					t.Errorf("%s: %v", r.name, err)
				}
			}
		}
	}
}

// anchor returns what a heading can be linked by.
func anchor(heading string) string {
	heading = strings.ToLower(strings.TrimSpace(strings.TrimLeft(heading, "#")))
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return r
		}
		return -1
	}, heading)
}

// TestReadmesSayTheSame compares what can be compared of two languages: the
// order and depth of headings, the shape of tables, and code to the letter.
func TestReadmesSayTheSame(t *testing.T) {
	all := readmes(t)
	english, korean := all[0], all[1]
	depths := func(r readme) (all []int) {
		for _, h := range r.headings() {
			all = append(all, strings.IndexByte(h, ' '))
		}
		return all
	}
	if e, k := depths(english), depths(korean); !slices.Equal(e, k) {
		t.Errorf("headings go %v and %v", e, k)
	}
	shapes := func(r readme) (all []int) {
		for _, table := range r.tables() {
			all = append(all, len(table), len(table[0]))
		}
		return all
	}
	if e, k := shapes(english), shapes(korean); !slices.Equal(e, k) {
		t.Errorf("tables have rows and columns %v and %v", e, k)
	}
	if len(english.blocks) != len(korean.blocks) {
		t.Fatalf("%d and %d code blocks", len(english.blocks), len(korean.blocks))
	}
	for i, e := range english.blocks {
		if e != korean.blocks[i] {
			t.Errorf("code block %d differs:\n%s\n%s", i+1, e, korean.blocks[i])
		}
	}
}
