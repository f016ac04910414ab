package bench

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Who watches waits in the system and not in Go's scheduler, which looks at the
// network when it has nothing else to do: a goroutine that sleeps by the system's
// clock keeps it from looking, and an answer that came meanwhile would lie there
// until the next check is sent, and count as late by as much.

// sleepUntil sleeps by the system's clock: Go's timers, in a process that does
// nothing else, may be a millisecond late, which is more than a check takes.
func sleepUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		t := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&t, nil) // interrupted: look again
	}
}

// blockingConn is a connection whose Read is the system's own, for as long as
// patience. Deadlines do not reach it.
type blockingConn struct {
	net.Conn
	raw syscall.RawConn
}

func dialBlocking(addr string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err == nil {
		limit, set := syscall.NsecToTimeval(int64(patience)), error(nil)
		err = raw.Control(func(fd uintptr) {
			set = errors.Join(syscall.SetNonblock(int(fd), false),
				syscall.SetsockoptTimeval(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit))
		})
		err = errors.Join(err, set)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return blockingConn{conn, raw}, nil
}

// Read implements io.Reader.
func (c blockingConn) Read(b []byte) (n int, err error) {
	for interrupted := true; interrupted; {
		lost := c.raw.Read(func(fd uintptr) bool {
			n, err = syscall.Read(int(fd), b)
			return true
		})
		if lost != nil {
			return 0, lost
		}
		interrupted = errors.Is(err, syscall.EINTR)
	}
	switch {
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}
