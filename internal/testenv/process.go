package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	startWithin = 60 * time.Second // a loaded two-core machine is slow
	stopWithin  = 20 * time.Second
)

// process is one server: its folder and port stay, the program may come and go.
type process struct {
	dir     string
	port    int
	command func(port int) []string
	// ready reports whether the program with that pid serves on the port.
	ready      func(pid, port int) bool
	stopSignal syscall.Signal
	// more are further arguments of a redis-server.
	more func() []string
	// busPort is where a server of a Redis Cluster speaks with the others, chosen
	// when it was given the port busOf.
	busPort, busOf int
	credential     *syscall.Credential // nil: run as we are

	mu  sync.Mutex
	cmd *exec.Cmd // nil while it does not run
}

// launch starts p for the first time and finds it a port.
func (p *process) launch() error {
	var err error
	for range 5 { // another process may take the port between looking and listening
		if p.port, err = freePort(); err != nil {
			return err
		}
		if err = p.start(); err == nil {
			return nil
		}
	}
	return err
}

// start runs the program and waits until it serves.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return errors.New("it is running already")
	}
	// What it printed before it was killed is what one wants to read afterwards.
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := p.command(p.port)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = log, log
	// Its own session: Ctrl-C must reach the tests first, not the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.credential}
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	if err := note(pid); err != nil {
		killTree(pid)
		cmd.Wait()
		return err
	}
	for deadline := time.Now().Add(startWithin); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if processes()[pid].zombie {
			break
		}
		if p.ready(pid, p.port) {
			p.cmd = cmd
			return nil
		}
	}
	killTree(pid)
	cmd.Wait()
	forget(pid)
	text, _ := os.ReadFile(p.logPath())
	return fmt.Errorf("%s did not start; its log:\n%s", filepath.Base(argv[0]), text)
}

// stop asks the program to end in order and waits for it.
func (p *process) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	pid := p.cmd.Process.Pid
	continueTree(pid)
	if err := p.cmd.Process.Signal(p.stopSignal); err != nil {
		return err
	}
	late := time.AfterFunc(stopWithin, func() { killTree(pid) })
	p.cmd.Wait() // its exit status is its own business
	inTime := late.Stop()
	forget(pid)
	p.cmd = nil
	if !inTime {
		return fmt.Errorf("it did not end within %v and was killed", stopWithin)
	}
	return nil
}

// kill ends the program and its children as a power cut would.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	pid := p.cmd.Process.Pid
	killTree(pid)
	p.cmd.Wait()
	forget(pid)
	p.cmd = nil
}

// pause holds the program: connections stay open and nothing answers.
func (p *process) pause() error { return p.signalTree(stopTree) }

// resume undoes pause.
func (p *process) resume() error { return p.signalTree(continueTree) }

func (p *process) signalTree(send func(pid int)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return errors.New("it is not running")
	}
	send(p.cmd.Process.Pid)
	return nil
}

func (p *process) logPath() string { return filepath.Join(p.dir, "server.log") }

func (p *process) remove() {
	p.kill()
	os.RemoveAll(p.dir)
}

func (p *process) addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
}

// freePort looks below the range from which the kernel takes the ports of
// outgoing connections: a server that is started again must find its port free.
func freePort() (int, error) {
	for range 100 {
		port := 15000 + rand.IntN(17000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		return port, nil
	}
	return 0, errors.New("no free port between 15000 and 32000")
}
