package hashworker

import (
	"errors"
	"io"
	"os/exec"
	"time"
)

// worker is one process.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
	// idle ends the process when it has had nothing to do for a while. It runs only
	// while the worker waits for a job.
	idle *time.Timer
}

// start starts the process that cmd describes, with two pipes and nothing else: no
// environment, in which there may be secrets, and nowhere to write messages.
func start(cmd *exec.Cmd) (*worker, error) {
	cmd.Env, cmd.Stderr = []string{}, nil
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &worker{cmd: cmd, in: in, out: out}, cmd.Start() // which closes the pipes where it fails
}

// errStarved: the key did not come in time.
var errStarved = errors.New("hashworker: no key in time; the machine has no time for it")

// compute returns the key of j. After an error, of which errStarved is one, the
// worker is of no use any more.
func (w *worker) compute(j job, patience time.Duration) (key []byte, err error) {
	// Killed and not asked to end: it may be stopped, or never get to run.
	late := time.AfterFunc(patience, func() { _ = w.cmd.Process.Kill() })
	defer func() {
		if !late.Stop() && err != nil {
			err = errStarved
		}
	}()
	if err := j.write(w.in); err != nil {
		return nil, err
	}
	key = make([]byte, j.params.KeyLen)
	_, err = io.ReadFull(w.out, key)
	return key, err
}

// end ends the process and waits until it is gone. One that is computing is killed:
// nobody waits for its key.
func (w *worker) end() {
	_ = w.in.Close()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // killed or dead before: how it went is of no interest
}
