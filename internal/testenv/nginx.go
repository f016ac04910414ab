package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// NginxProc is an nginx that belongs to one test.
type NginxProc struct {
	t    testing.TB
	proc *process
}

// Nginx starts an nginx for this test. servers returns what goes into its http
// block and is given the address to listen on, 127.0.0.1:port; it is called once
// for each port that is tried. All else is as nginx has it by default.
func Nginx(t testing.TB, servers func(listen string) string) *NginxProc {
	t.Helper()
	proc, err := startNginx(servers)
	if err != nil {
		t.Fatalf("nginx: %v", err)
	}
	t.Cleanup(proc.remove)
	return &NginxProc{t: t, proc: proc}
}

// Addr returns 127.0.0.1:port.
func (n *NginxProc) Addr() string { return n.proc.addr() }

// Stop ends the server, cutting its connections, and waits. Stopping a stopped
// server does nothing.
func (n *NginxProc) Stop() { n.t.Helper(); n.must("stop", n.proc.stop()) }

// Kill ends the server and its workers with SIGKILL.
func (n *NginxProc) Kill() { n.proc.kill() }

// Start starts a stopped or killed server again, on the same port.
func (n *NginxProc) Start() { n.t.Helper(); n.must("start", n.proc.start()) }

func (n *NginxProc) must(what string, err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatalf("nginx: %s: %v", what, err)
	}
}

func startNginx(servers func(listen string) string) (*process, error) {
	bin, err := nginxBin()
	if err != nil {
		return nil, err
	}
	dir, err := folder("nginx")
	if err != nil {
		return nil, err
	}
	config, pidFile := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "nginx.pid")
	written := 0 // the port that config is for
	var unwritten error
	proc := &process{
		dir: dir,
		command: func(port int) []string {
			if port != written {
				text := nginxConfig(pidFile, dir, servers(net.JoinHostPort("127.0.0.1", strconv.Itoa(port))))
				unwritten, written = os.WriteFile(config, []byte(text), 0o600), port
			}
			return []string{bin, "-p", dir, "-e", "stderr", "-c", config}
		},
		ready:      func(pid, port int) bool { return nginxReady(pid, port, pidFile) },
		stopSignal: syscall.SIGTERM,
	}
	if err := proc.launch(); err != nil || unwritten != nil {
		proc.remove()
		if unwritten != nil {
			err = unwritten
		}
		return nil, err
	}
	return proc, nil
}

// nginxConfig returns what makes nginx stay in front and in its folder.
func nginxConfig(pidFile, dir, servers string) string {
	var b strings.Builder
	if os.Geteuid() == 0 {
		b.WriteString("user root;\n") // its workers would change to somebody who cannot reach the folder
	}
	fmt.Fprintf(&b, "daemon off;\nworker_processes 1;\npid %s;\nerror_log stderr;\nevents { worker_connections 4096; }\nhttp {\naccess_log off;\n", pidFile)
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, "%s_temp_path %s;\n", what, filepath.Join(dir, what))
	}
	b.WriteString(servers + "\n}\n")
	return b.String()
}

// nginxReady reads the pid that nginx writes once it listens: on a port that two
// servers wanted, somebody else may answer.
func nginxReady(pid, port int, pidFile string) bool {
	text, err := os.ReadFile(pidFile)
	if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(pid) {
		return false
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// nginxBin finds the program also where only root has its folder in the PATH.
func nginxBin() (string, error) {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path, nil
	}
	if executable("/usr/sbin/nginx") {
		return "/usr/sbin/nginx", nil
	}
	return "", missing("nginx", "nginx-light")
}
