package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "gatehouse/"

// mayImport says which of our packages each of our packages may import, outside
// its tests. A new package needs a line here: say where it belongs.
var mayImport = map[string][]string{
	"cmd/gatehouse": {"internal/server", "internal/store/sqldb", "internal/store/redisdb", "internal/config", "web",
		"internal/session", "internal/user", "internal/audit", "internal/limit", "internal/token", "internal/oauth", "internal/apiclient", "internal/metrics", "internal/hashworker"},
	"cmd/example":               {"cmd/example/guard"},
	"cmd/example/guard":         {},
	"internal/server":           {"internal/session", "internal/user", "internal/audit", "internal/limit", "internal/token", "internal/oauth"},
	"internal/store/sqldb":      {"internal/session", "internal/user", "internal/audit", "internal/limit", "internal/token", "internal/oauth", "migrations"},
	"internal/store/redisdb":    {"internal/session", "internal/user", "internal/audit", "internal/limit"},
	"internal/store/interleave": {},
	"internal/store/storetest":  {"internal/store/interleave", "internal/session", "internal/user", "internal/audit", "internal/limit", "internal/token", "internal/oauth"},
	"internal/session":          {"internal/user"},
	"internal/oauth":            {"internal/user"},
	"internal/apiclient":        {"internal/user"},
	"internal/hashworker":       {"internal/user"},
	"internal/metrics":          {"internal/session", "internal/user"},
	"internal/token":            {"internal/session", "internal/user"},
	"internal/audit":            {"internal/user"},
	"internal/limit":            {"internal/user"},
	"internal/user":             {},
	"internal/config":           {},
	"web":                       {},
	"migrations":                {},
	"internal/testenv":          {},
	"internal/testenv/browser":  {"internal/testenv"},
	"internal/figures":          {"internal/server"}, // its tests measure the whole
	"internal/measure":          {"internal/session", "internal/user", "internal/store/sqldb", "internal/store/redisdb"},
	"internal/bench":            {},
	"internal/bench/probe":      {},
	"internal/faults":           {},
	"internal/soak":             {},
	"internal/capacity":         {},
	"internal/capacity/show":    {"internal/capacity"},
	"internal/house":            {},
	"internal/tools":            {},
}

// onlyForTests are the packages that no product code imports. What they know
// themselves is as free as in tests.
var onlyForTests = []string{"internal/testenv", "internal/testenv/browser", "internal/store/storetest", "internal/store/interleave",
	"internal/measure", "internal/bench/probe"}

// mayKnow says which packages, or single files, may import a library, outside
// tests. The rules also hold for what lies below the library's path.
var mayKnow = []struct {
	library string
	places  []string
}{
	{"net/http", []string{"internal/server", "internal/session/cookie.go", "internal/apiclient", "internal/metrics/serve.go", "cmd/gatehouse", "cmd/example", "cmd/example/guard"}},
	{"github.com/go-chi/chi", []string{"internal/server"}},
	{"github.com/go-chi/cors", []string{"internal/server/cors.go"}},
	{"github.com/alexedwards/scs/v2", []string{"internal/session/cookie.go"}},
	{"github.com/alexedwards/scs/redisstore", []string{"internal/store/redisdb"}},
	{"github.com/gomodule/redigo", []string{"internal/store/redisdb"}},
	{"github.com/mna/redisc", []string{"internal/store/redisdb"}},
	{"database/sql", []string{"internal/store/sqldb", "migrations"}},
	{"github.com/jackc/pgx", []string{"internal/store/sqldb", "migrations"}},
	{"modernc.org/sqlite", []string{"internal/store/sqldb", "migrations"}},
	{"modernc.org/libc", []string{"internal/store/sqldb/direct.go"}},
	{"github.com/pressly/goose", []string{"internal/store/sqldb", "migrations"}},
	{"github.com/golang-jwt/jwt", []string{"internal/token", "cmd/example/guard"}},
	{"github.com/prometheus", []string{"internal/metrics"}},
	{"github.com/alecthomas/kong", []string{"cmd/gatehouse"}},
	{"github.com/chromedp", nil},
}

// saysNothing are names that any code would fit under.
var saysNothing = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "core", "impl", "base", "lib"}

// file is one Go file: its path from the root and what it imports.
type file struct {
	path    string
	imports []string
}

func (f file) pkg() string { return path.Dir(f.path) }

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// broken returns a line for each rule that the files break.
func broken(files []file) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	documented := map[string]bool{}
	for _, f := range files {
		documented[f.pkg()] = documented[f.pkg()] || path.Base(f.path) == "doc.go"
		for _, imported := range f.imports {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				if why := whyNotOurs(f, ours); why != "" {
					say("%s imports %s: %s", f.path, ours, why)
				}
			} else if !f.isTest() && !slices.Contains(onlyForTests, f.pkg()) && !knows(f, imported) {
				say("%s imports %s, which is not its business", f.path, imported)
			}
		}
	}
	for pkg, hasDoc := range documented {
		if !hasDoc {
			say("%s has no doc.go", pkg)
		}
		if slices.Contains(saysNothing, path.Base(pkg)) {
			say("%s has a name that says nothing", pkg)
		}
		if _, ok := mayImport[pkg]; !ok {
			say("%s is not in the table of who may import whom", pkg)
		}
	}
	slices.Sort(lines)
	return lines
}

// whyNotOurs returns why f may not import our package ours, or nothing. Tests
// may import everything of ours but the server, which only cmd wires up, and
// those that the table allows it.
func whyNotOurs(f file, ours string) string {
	pkg := f.pkg()
	switch {
	case ours == pkg: // an external test of the package
		return ""
	case ours == "internal/server" && !slices.Contains(mayImport[pkg], ours):
		return "only cmd does"
	case ours == "cmd/example/guard" && (f.isTest() || slices.Contains(mayImport[pkg], ours)): // made to be imported
		return ""
	case strings.HasPrefix(ours, "cmd/"):
		return "a command is no library"
	case f.isTest():
		return ""
	case slices.Contains(mayImport[pkg], ours):
		return ""
	case slices.Contains(onlyForTests, ours):
		return "it is for tests"
	}
	return "not among those that " + pkg + " may import"
}

// knows reports whether f may import a library that is not ours.
func knows(f file, imported string) bool {
	for _, rule := range mayKnow {
		if imported == rule.library || strings.HasPrefix(imported, rule.library+"/") {
			return slices.Contains(rule.places, f.path) || slices.Contains(rule.places, f.pkg())
		}
	}
	return true
}

func TestWhoImportsWhom(t *testing.T) {
	files := goFiles(t)
	if len(files) < 10 {
		t.Fatalf("only %d Go files found", len(files))
	}
	for _, line := range broken(files) {
		t.Error(line)
	}
}

// goFiles returns every Go file of the module, those left out by build
// constraints too.
func goFiles(t *testing.T) []file {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, &stderr)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	var files []file
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir                                                          string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			files = append(files, parse(t, top, filepath.Join(p.Dir, name)))
		}
	}
}

func parse(t *testing.T, top, name string) file {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(top, name)
	if err != nil {
		t.Fatal(err)
	}
	f := file{path: filepath.ToSlash(rel)}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		f.imports = append(f.imports, imported)
	}
	return f
}

// TestRulesAreEnforced breaks each rule once, in a house that exists only here.
func TestRulesAreEnforced(t *testing.T) {
	sound := []file{
		{"cmd/gatehouse/doc.go", nil},
		{"cmd/gatehouse/serve.go", []string{"net/http", "gatehouse/internal/server", "gatehouse/internal/store/redisdb", "gatehouse/web"}},
		{"cmd/gatehouse/serve_test.go", []string{"gatehouse/internal/testenv", "gatehouse/internal/testenv/browser"}},
		{"cmd/example/doc.go", []string{"net/http", "gatehouse/cmd/example/guard"}},
		{"cmd/example/guard/doc.go", []string{"net/http", "github.com/golang-jwt/jwt/v5"}},
		{"internal/server/doc.go", []string{"net/http", "github.com/go-chi/chi/v5/middleware", "gatehouse/internal/session"}},
		{"internal/server/x_test.go", []string{"net/http/httptest", "gatehouse/internal/server", "gatehouse/internal/store/sqldb"}},
		{"internal/session/doc.go", []string{"gatehouse/internal/user"}},
		{"internal/session/cookie.go", []string{"net/http", "github.com/alexedwards/scs/v2"}},
		{"internal/store/redisdb/doc.go", []string{"github.com/gomodule/redigo/redis", "github.com/alexedwards/scs/redisstore"}},
		{"internal/store/redisdb/x_test.go", []string{"gatehouse/internal/store/storetest", "gatehouse/internal/testenv"}},
		{"internal/store/storetest/doc.go", []string{"net/http/httptest", "gatehouse/internal/session"}},
		{"internal/testenv/browser/doc.go", []string{"github.com/chromedp/chromedp", "gatehouse/internal/testenv"}},
		{"internal/user/doc.go", []string{"net/netip", "golang.org/x/crypto/argon2"}},
	}
	if lines := broken(sound); lines != nil {
		t.Fatalf("a sound house breaks rules:\n%s", strings.Join(lines, "\n"))
	}
	for _, c := range []struct {
		add  file
		want string
	}{
		{file{"internal/user/a.go", []string{"gatehouse/internal/session"}}, "not among those"},
		{file{"internal/config/doc.go", []string{"gatehouse/internal/user"}}, "not among those"},
		{file{"internal/server/a.go", []string{"gatehouse/internal/store/sqldb"}}, "not among those"},
		{file{"internal/server/a.go", []string{"gatehouse/web"}}, "not among those"},
		{file{"internal/store/redisdb/a.go", []string{"gatehouse/internal/store/sqldb"}}, "not among those"},
		{file{"internal/session/a.go", []string{"gatehouse/internal/server"}}, "only cmd does"},
		{file{"internal/session/a_test.go", []string{"gatehouse/internal/server"}}, "only cmd does"},
		{file{"internal/server/a_test.go", []string{"gatehouse/cmd/gatehouse"}}, "no library"},
		{file{"internal/server/a.go", []string{"gatehouse/cmd/example/guard"}}, "no library"},
		{file{"cmd/gatehouse/a.go", []string{"gatehouse/cmd/example/guard"}}, "no library"},
		{file{"cmd/example/guard/a.go", []string{"gatehouse/internal/token"}}, "not among those"},
		{file{"internal/store/redisdb/a.go", []string{"gatehouse/internal/testenv"}}, "it is for tests"},
		{file{"cmd/gatehouse/a.go", []string{"gatehouse/internal/store/storetest"}}, "it is for tests"},
		{file{"internal/session/manager.go", []string{"net/http"}}, "not its business"},
		{file{"internal/user/a.go", []string{"net/http/httputil"}}, "not its business"},
		{file{"internal/session/manager.go", []string{"github.com/alexedwards/scs/v2"}}, "not its business"},
		{file{"internal/server/a.go", []string{"github.com/alexedwards/scs/v2"}}, "not its business"},
		{file{"internal/server/a.go", []string{"github.com/gomodule/redigo/redis"}}, "not its business"},
		{file{"internal/store/redisdb/a.go", []string{"database/sql"}}, "not its business"},
		{file{"internal/server/a.go", []string{"github.com/prometheus/client_golang/prometheus"}}, "not its business"},
		{file{"cmd/gatehouse/a.go", []string{"database/sql/driver"}}, "not its business"},
		{file{"web/web.go", nil}, "web has no doc.go"},
		{file{"internal/util/doc.go", nil}, "says nothing"},
		{file{"internal/passkey/doc.go", nil}, "not in the table"},
	} {
		lines := broken(append(slices.Clip(sound), c.add))
		if !strings.Contains(strings.Join(lines, "\n"), c.want) || !strings.Contains(strings.Join(lines, "\n"), c.add.pkg()) {
			t.Errorf("%s importing %s: want %q, got %q", c.add.path, c.add.imports, c.want, lines)
		}
	}
}
