package redisdb

import (
	"bufio"
	"errors"
	"io"

	"github.com/gomodule/redigo/redis"
)

// answer is one answer of Redis (RESP2), read without a copy where that can be.
type answer struct {
	kind byte   // as on the wire: + - : $ *
	text string // of + and -
	n    int64  // of :
	null bool   // of $ and *
	bulk []byte // of $; part of the reader's buffer if pending is not 0
	list []any  // of *, as redigo has it
	// pending is how many bytes of the buffer are behind bulk.
	pending int
}

// What an answer may come to: the most that is asked for through a pipe is a
// record, with what handlers keep in it.
const (
	maxBulk = 8 << 20
	maxList = 1024
	maxDeep = 4
)

var errProtocol = errors.New("redisdb: not an answer of Redis, or not to this question")

// read reads the next answer. discard has to follow.
func (a *answer) read(in *bufio.Reader) error { return a.readAt(in, 0) }

func (a *answer) readAt(in *bufio.Reader, depth int) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return errProtocol
		}
		return err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return errProtocol
	}
	a.kind, line = line[0], line[1:len(line)-2]
	switch a.kind {
	case '+', '-':
		a.text = string(line)
		return nil
	}
	n, ok := number(line)
	switch {
	case !ok:
		return errProtocol
	case a.kind == ':':
		a.n = n
		return nil
	case (a.kind == '$' || a.kind == '*') && n == -1:
		a.null = true
		return nil
	case a.kind == '$' && n >= 0 && n <= maxBulk:
		return a.readBulk(in, int(n))
	case a.kind == '*' && n >= 0 && n <= maxList && depth < maxDeep:
		return a.readList(in, int(n), depth)
	}
	return errProtocol
}

func (a *answer) readBulk(in *bufio.Reader, n int) error {
	whole := n + len("\r\n")
	var b []byte
	var err error
	if whole <= in.Size() {
		b, err = in.Peek(whole)
		a.pending = whole
	} else {
		b = make([]byte, whole)
		_, err = io.ReadFull(in, b)
	}
	switch {
	case err != nil:
		return err
	case b[n] != '\r' || b[n+1] != '\n':
		return errProtocol
	}
	a.bulk = b[:n:n]
	return nil
}

func (a *answer) readList(in *bufio.Reader, n, depth int) error {
	a.list = make([]any, 0, n)
	for range n {
		var one answer
		if err := one.readAt(in, depth+1); err != nil {
			return err
		}
		if one.kind == '-' {
			a.list = append(a.list, redis.Error(one.text))
		} else {
			a.list = append(a.list, one.value())
		}
		if err := one.discard(in); err != nil {
			return err
		}
	}
	return nil
}

// discard takes from in what read has left there: bulk is no more.
func (a *answer) discard(in *bufio.Reader) error {
	_, err := in.Discard(a.pending)
	return err
}

// value returns the answer as redigo would.
func (a *answer) value() any {
	switch {
	case a.null:
		return nil
	case a.kind == '$':
		return append([]byte{}, a.bulk...)
	case a.kind == '*':
		return a.list
	case a.kind == ':':
		return a.n
	}
	return a.text
}

// number reads a whole number: -1 or up to eighteen digits.
func number(b []byte) (n int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
