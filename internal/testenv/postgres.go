package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresProc is a PostgreSQL server that belongs to one test.
type PostgresProc struct {
	t    testing.TB
	proc *process
}

// PostgresServer starts a PostgreSQL server for this test. It does not fsync:
// what it has committed survives Kill, not a power cut of the machine.
func PostgresServer(t testing.TB) *PostgresProc {
	t.Helper()
	proc, err := startPostgres()
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(proc.remove)
	return &PostgresProc{t: t, proc: proc}
}

// URL returns the postgres:// URL of an empty database, the same one each time.
func (p *PostgresProc) URL() string { return postgresURL(p.proc, "postgres") }

// Addr returns 127.0.0.1:port.
func (p *PostgresProc) Addr() string { return p.proc.addr() }

// Pause holds the server and all its backends with SIGSTOP: connections open,
// and nothing answers.
func (p *PostgresProc) Pause() { p.t.Helper(); p.must("pause", p.proc.pause()) }

// Resume undoes Pause.
func (p *PostgresProc) Resume() { p.t.Helper(); p.must("resume", p.proc.resume()) }

// Stop shuts the server down, breaking open connections, and waits. Stopping a
// stopped server does nothing.
func (p *PostgresProc) Stop() { p.t.Helper(); p.must("stop", p.proc.stop()) }

// Kill ends the server and all its backends with SIGKILL.
func (p *PostgresProc) Kill() { p.proc.kill() }

// Start starts a stopped or killed server again, on the same port and data.
func (p *PostgresProc) Start() { p.t.Helper(); p.must("start", p.proc.start()) }

func (p *PostgresProc) must(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("postgres: %s: %v", what, err)
	}
}

var (
	sharedPostgres     = sync.OnceValues(startPostgres)
	sharedPostgresNext atomic.Int64
)

// Postgres returns the postgres:// URL of a fresh, empty database on a server
// that the tests of this binary share. It is dropped after the test, open
// connections or not.
func Postgres(t testing.TB) string {
	t.Helper()
	proc, err := sharedPostgres()
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	name := fmt.Sprintf("test_%d", sharedPostgresNext.Add(1))
	if err := administer(proc, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(func() {
		if err := administer(proc, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("postgres: %v", err)
		}
	})
	return postgresURL(proc, name)
}

func postgresURL(p *process, database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", p.addr(), database)
}

// administer runs one statement in a database that no test uses and that is not
// the template of new ones: nobody may be connected to that while it is copied.
func administer(p *process, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, postgresURL(p, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func startPostgres() (*process, error) {
	template, err := postgresTemplate()
	if err != nil {
		return nil, err
	}
	dir, err := postgresFolder(template.credential)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("cp", "-a", template.data, data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copying the empty cluster: %w: %s", err, out)
	}
	proc := &process{
		dir: dir,
		command: func(port int) []string {
			return []string{filepath.Join(template.bin, "postgres"), "-D", data, "-p", strconv.Itoa(port),
				"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
				"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"}
		},
		ready:      func(pid, _ int) bool { return postgresReady(pid, data) },
		stopSignal: syscall.SIGINT, // "fast": does not wait for clients
		credential: template.credential,
	}
	if err := proc.launch(); err != nil {
		proc.remove()
		return nil, err
	}
	return proc, nil
}

// postgresReady reads the state that the server keeps for pg_ctl: first line
// the pid, eighth line "ready" once it takes connections.
func postgresReady(pid int, data string) bool {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

type cluster struct {
	bin        string // folder of initdb and postgres
	data       string
	credential *syscall.Credential
}

// postgresTemplate runs initdb, which takes a second, once per test binary;
// servers start from copies.
var postgresTemplate = sync.OnceValues(func() (cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return cluster{}, err
	}
	cred, err := postgresCredential()
	if err != nil {
		return cluster{}, err
	}
	dir, err := postgresFolder(cred)
	if err != nil {
		return cluster{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return cluster{}, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return cluster{bin: bin, data: data, credential: cred}, nil
})

// postgresBin returns the folder that holds both postgres and initdb. A lone
// postgres in the PATH may be something else.
func postgresBin() (string, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, dir := range append(dirs, debian...) {
		if executable(filepath.Join(dir, "postgres")) && executable(filepath.Join(dir, "initdb")) {
			return dir, nil
		}
	}
	return "", missing("postgres (with initdb beside it)", "postgresql")
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// postgresCredential returns whom to run as: PostgreSQL refuses root.
func postgresCredential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("PostgreSQL does not run as root and there is no user postgres; the Debian package postgresql makes one: make deps")
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func postgresFolder(cred *syscall.Credential) (string, error) {
	dir, err := folder("postgres")
	if err != nil || cred == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(cred.Uid), int(cred.Gid))
}
