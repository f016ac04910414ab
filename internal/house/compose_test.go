package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/config"
)

// root is the top of the repository.
var root = filepath.Join("..", "..")

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestComposeKeepsPromises looks for what the promises rest on: a Redis that
// forgets or evicts, or a service that starts too early, breaks them quietly.
func TestComposeKeepsPromises(t *testing.T) {
	text := read(t, "docker-compose.yml")
	if strings.Contains(text, "\t") {
		t.Error("a tab in YAML")
	}
	services := sections(t, text, "services:")
	for service, wants := range map[string][]string{
		"gatehouse": {"dockerfile: cmd/gatehouse/Dockerfile", "127.0.0.1:8080:8080", "GATEHOUSE_ADDR: 0.0.0.0:8080", "GATEHOUSE_DATABASE_URL:",
			"GATEHOUSE_REDIS_URL:", "condition: service_healthy", `"healthcheck"`, "read_only: true"},
		"redis":    {"image: redis:7", "--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "healthcheck:", "redis:/data"},
		"postgres": {"image: postgres:", "healthcheck:", "postgres:/var/lib/postgresql/data"},
	} {
		for _, want := range wants {
			if !strings.Contains(services[service], want) {
				t.Errorf("service %s lacks %q", service, want)
			}
		}
	}
	if n := strings.Count(services["gatehouse"], "condition: service_healthy"); n != 2 {
		t.Errorf("gatehouse waits for %d healthy services, want 2", n)
	}
	for volume := range sections(t, text, "volumes:") {
		if !regexp.MustCompile(`- ` + volume + `:/`).MatchString(text) {
			t.Errorf("volume %s is not used", volume)
		}
	}
	for _, service := range []string{"redis", "postgres"} {
		if strings.Contains(services[service], "ports:") {
			t.Errorf("service %s is open to the outside", service)
		}
	}
}

// TestComposeAndDockerfileNameRealSettings finds a setting that the program
// does not know.
func TestComposeAndDockerfileNameRealSettings(t *testing.T) {
	var known []string
	for _, s := range config.Settings() {
		known = append(known, s.Env)
	}
	for _, name := range []string{"docker-compose.yml", filepath.Join("cmd", "gatehouse", "Dockerfile")} {
		for _, used := range regexp.MustCompile(`GATEHOUSE_[A-Z_]+`).FindAllString(read(t, name), -1) {
			if !slices.Contains(known, used) {
				t.Errorf("%s names %s, which is no setting", name, used)
			}
		}
	}
}

// TestDockerfile checks what a build would find out, as far as text tells.
func TestDockerfile(t *testing.T) {
	text := read(t, filepath.Join("cmd", "gatehouse", "Dockerfile"))
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if goVersion == nil || !strings.Contains(text, "FROM golang:"+goVersion[1]) {
		t.Errorf("not built with the Go of go.mod, %v", goVersion)
	}
	for _, want := range []string{"CGO_ENABLED=0", "./cmd/gatehouse", "HEALTHCHECK", `"healthcheck"`, `ENTRYPOINT ["/gatehouse"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if !regexp.MustCompile(`(?m)^USER \d+:\d+$`).MatchString(text) {
		t.Error("does not run as a numbered user other than root")
	}
	for _, line := range regexp.MustCompile(`(?m)^COPY (?:--\S+ )*(.+) \S+$`).FindAllStringSubmatch(text, -1) {
		for source := range strings.FieldsSeq(line[1]) {
			if strings.HasPrefix(source, "/") {
				continue // from an earlier stage
			}
			if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				t.Errorf("copies what is not there: %v", err)
			}
		}
	}
}

// sections returns the text of each entry below a top-level key of the YAML
// file, by name.
func sections(t *testing.T, text, key string) map[string]string {
	t.Helper()
	_, rest, ok := strings.Cut("\n"+text, "\n"+key+"\n")
	if !ok {
		t.Fatalf("no top-level %s", key)
	}
	if end := regexp.MustCompile(`(?m)^\S`).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	found := map[string]string{}
	name := ""
	for line := range strings.Lines(rest) {
		if m := regexp.MustCompile(`^  ([a-z]+):`).FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		found[name] += line
	}
	return found
}
