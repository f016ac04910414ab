//go:build faults

package faults

import (
	"bytes"
	"fmt"
	"net/http"
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
const patience = 30 * time.Second

// node is one gatehouse process with links of its own to every server.
type node struct {
	t           testing.TB
	bin, dir    string
	env         []string
	redis, sql  []*link
	mu          sync.Mutex
	url         string
	process     *exec.Cmd
	out, errors *output
}

// build makes the program, with the given build tags.
func build(t testing.TB, tags string) string {
	t.Helper()
	bin := filepath.Join(testenv.TempDir(t), "gatehouse")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-tags="+tags, "-o", bin, "gatehouse/cmd/gatehouse").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// lease is short: a run has to see it end.
const lease = 5 * time.Second

// newNode starts a node that reaches the servers of set and the database by
// links of its own.
func newNode(t testing.TB, bin string, set *testenv.SentinelSet, postgres *testenv.PostgresProc) *node {
	t.Helper()
	ports := map[string]string{}
	var links []*link
	for _, r := range set.Redis {
		k := newLink(t, r.Addr(), nil)
		ports[portOf(r.Addr())] = k.port()
		links = append(links, k)
	}
	var sentinels []string
	for _, s := range set.Sentinels {
		k := newLink(t, s.Addr(), ports) // the node reaches the master that they name by its own link
		sentinels = append(sentinels, k.addr())
		links = append(links, k)
	}
	sql := newLink(t, postgres.Addr(), nil)
	n := startNode(t, bin, "redis+sentinel://"+strings.Join(sentinels, ",")+"/"+testenv.MasterName+"/0",
		strings.Replace(postgres.URL(), postgres.Addr(), sql.addr(), 1))
	n.redis, n.sql = links, []*link{sql}
	return n
}

// startNode starts a node on the servers that the URLs name.
func startNode(t testing.TB, bin, redisURL, databaseURL string) *node {
	t.Helper()
	n := &node{t: t, bin: bin, dir: testenv.TempDir(t), errors: &output{}}
	n.env = []string{
		"GATEHOUSE_ADDR=127.0.0.1:0",
		"GATEHOUSE_DATABASE_URL=" + databaseURL,
		"GATEHOUSE_REDIS_URL=" + redisURL,
		"GATEHOUSE_RATE_LIMITS=off",
		"GATEHOUSE_LEDGER_LEASE=" + lease.String(),
	}
	n.start()
	t.Cleanup(n.kill)
	return n
}

var greeting = regexp.MustCompile(`is listening on (\S+):`)

func (n *node) start() {
	n.t.Helper()
	out := &output{}
	// The folder is an argument so that testenv, should the tests be killed,
	// finds the process by it.
	cmd := exec.Command(n.bin, "serve", "--data-dir="+n.dir)
	cmd.Env = n.env
	cmd.Stdout, cmd.Stderr = out, n.errors
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // killed, as a rule
		close(ended)
	}()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if found := greeting.FindStringSubmatch(out.String()); found != nil {
			n.mu.Lock()
			n.url, n.process, n.out = "http://"+found[1], cmd, out
			n.mu.Unlock()
			return
		}
		select {
		case <-ended:
			n.t.Fatalf("the node does not start:\n%s", n.errors)
		default:
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the node does not listen:\n%s", n.errors)
		}
	}
}

func (n *node) at() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.url
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process.Process.Signal(s) // it may be gone already
}

func (n *node) kill() { n.signal(syscall.SIGKILL) }

func (n *node) cut(links []*link, cut bool) {
	for _, k := range links {
		k.setCut(cut)
	}
}

// ready reports whether the node says that all is well.
func (n *node) ready() error {
	resp, err := (&http.Client{Timeout: time.Second}).Get(n.at() + "/readyz")
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", resp.Status)
	}
	return nil
}

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
