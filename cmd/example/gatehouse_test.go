package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

// patience bounds waits for what has to happen sooner or later.
const patience = time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// built is the folder of the program; TestMain makes and removes it.
var built string

// program is where the real gatehouse is, built once.
var program = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(built, "gatehouse")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "../gatehouse").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "gatehouse-example-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// gatehouse is a running one.
type gatehouse struct {
	t    *testing.T
	bin  string
	env  []string
	url  string
	stop func() // asks it to stop and waits
}

var greeting = regexp.MustCompile(`is listening on (\S+): open (\S+)`)

// startGatehouse runs the program on a free port until the test is over.
func startGatehouse(t *testing.T, env ...string) *gatehouse {
	t.Helper()
	bin, err := program()
	must(t, err)
	dir := testenv.TempDir(t)
	g := &gatehouse{t: t, bin: bin, env: append([]string{"GATEHOUSE_DATA_DIR=" + dir, "GATEHOUSE_RATE_LIMITS=off"}, env...)}
	out, err := os.Create(filepath.Join(dir, "stdout"))
	must(t, err)
	defer out.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer log.Close()
	// The folder is an argument so that testenv, should the tests be killed,
	// finds the process by it.
	cmd := exec.Command(bin, "serve", "--addr=127.0.0.1:0", "--data-dir="+dir)
	cmd.Env, cmd.Stdout, cmd.Stderr = g.env, out, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	g.stop = func() { cmd.Process.Signal(syscall.SIGTERM); <-ended }
	g.eventually("it listens", func() bool {
		text, err := os.ReadFile(out.Name())
		must(t, err)
		found := greeting.FindStringSubmatch(string(text))
		if found != nil {
			g.url = found[2]
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("gatehouse has ended:\n%s", text)
		default:
		}
		return found != nil
	})
	return g
}

func (g *gatehouse) eventually(what string, is func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// command runs a command of the program and returns what it prints.
func (g *gatehouse) command(args ...string) string {
	g.t.Helper()
	cmd := exec.Command(g.bin, args...)
	cmd.Env = g.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("gatehouse %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// client makes the credentials of another service.
func (g *gatehouse) client(name string) (secret string) {
	g.t.Helper()
	_, secret, ok := strings.Cut(g.command("client", "create", name), "client_secret: ")
	if !ok {
		g.t.Fatal("no secret")
	}
	return strings.TrimSpace(secret)
}

// tokens are those of a session.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Session string `json:"session_id"`
}

const password = "kettle orbit maple 7"

// call sends JSON to the API and reads the answer into into, if that is not nil.
// An answer 503 is asked for again: on a busy machine a store may be too slow.
func (g *gatehouse) call(path string, status int, body any, into any) {
	g.t.Helper()
	text, err := json.Marshal(body)
	must(g.t, err)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		r, err := http.Post(g.url+path, "application/json", bytes.NewReader(text))
		must(g.t, err)
		answer, err := io.ReadAll(r.Body)
		r.Body.Close()
		must(g.t, err)
		if r.StatusCode == http.StatusServiceUnavailable && time.Now().Before(deadline) {
			continue
		}
		if r.StatusCode != status {
			g.t.Fatalf("%s: %d, want %d\n%s", path, r.StatusCode, status, answer)
		}
		if into != nil {
			must(g.t, json.Unmarshal(answer, into))
		}
		return
	}
}

func (g *gatehouse) signUp(name string) {
	g.t.Helper()
	g.call("/api/v1/signup", http.StatusCreated, map[string]string{"username": name, "password": password}, nil)
}

func (g *gatehouse) logIn(name string) (one tokens) {
	g.t.Helper()
	g.call("/api/v1/login", http.StatusOK, map[string]string{"username": name, "password": password, "carrier": "bearer"}, &one)
	return one
}

func (g *gatehouse) refresh(one tokens) (next tokens) {
	g.t.Helper()
	g.call("/api/v1/refresh", http.StatusOK, map[string]string{"refresh_token": one.Refresh}, &next)
	return next
}
