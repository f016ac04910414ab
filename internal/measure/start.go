package measure

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// LogFile is where a program started by Start has its log, in its folder.
const LogFile = "log"

// startWithin is how long a program may take until it listens.
const startWithin = time.Minute

var greeting = regexp.MustCompile(`is listening on (\S+):`)

// Start starts cmd, a gatehouse or a program that greets like one, with its output
// and log in dir, and returns where it listens once it says so. stop kills it; it
// is to be called in any case, and may be called again.
func Start(cmd *exec.Cmd, dir string) (addr string, stop func(), err error) {
	stop = func() {}
	out, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		return "", stop, err
	}
	defer out.Close()
	log, err := os.Create(filepath.Join(dir, LogFile))
	if err != nil {
		return "", stop, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = out, log
	if err := cmd.Start(); err != nil {
		return "", stop, err
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // killed, as a rule
		close(ended)
	}()
	stop = func() { cmd.Process.Kill(); <-ended }
	for deadline := time.Now().Add(startWithin); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(out.Name())
		if err != nil {
			return "", stop, err
		}
		if found := greeting.FindStringSubmatch(string(text)); found != nil {
			return found[1], stop, nil
		}
		select {
		case <-ended:
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			return "", stop, fmt.Errorf("%s does not listen:\n%s", cmd.Path, text)
		}
	}
}
