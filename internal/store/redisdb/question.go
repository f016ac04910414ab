package redisdb

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// question is a command on its way through a pipe, and then its answer.
type question struct {
	text     []byte // the command, as Redis wants it
	deadline time.Time
	answered chan struct{} // has a token once there is an answer

	// record is that of a GET, and found false if there was nothing.
	record []byte
	found  bool
	// any asks for whatever the answer may be, in reply, as redigo has it.
	any   bool
	reply any
	err   error
	// from is the pipe that has answered; nil if it was another connection.
	from *pipe
}

// distrust has nobody ask any more where q was answered, and those who wait there
// be told that there is no answer.
func (q *question) distrust() {
	if q.from != nil {
		q.from.fail(errAnother)
	}
}

// kept are questions for the next ones who ask.
var kept = sync.Pool{New: func() any { return &question{answered: make(chan struct{}, 1)} }}

func newQuestion(deadline time.Time) *question {
	q := kept.Get().(*question)
	q.deadline = deadline
	return q
}

// maxKeptRecord bounds the memory of a kept question.
const maxKeptRecord = 4 << 10

// free gives q back: its answer has come, or it was never put. Nobody may use
// it, or record, after that.
func (q *question) free() {
	if cap(q.record) > maxKeptRecord || cap(q.text) > maxKeptRecord {
		return
	}
	q.text, q.record, q.found, q.any, q.reply, q.err, q.from = q.text[:0], q.record[:0], false, false, nil, nil, nil
	kept.Put(q)
}

// get makes q the question for the record under a key, in two parts.
func (q *question) get(prefix, rest string) {
	b := append(q.text[:0], "*2\r\n$3\r\nGET\r\n$"...)
	b = strconv.AppendInt(b, int64(len(prefix)+len(rest)), 10)
	b = append(b, "\r\n"...)
	b = append(append(b, prefix...), rest...)
	q.text = append(b, "\r\n"...)
}

// get2 makes q the question for a record and its tombstone. It finds the record only
// if there is none.
func (q *question) get2(k keys, id string) {
	b := append(q.text[:0], "*3\r\n$4\r\nMGET\r\n"...)
	for _, kind := range []string{"s:", "x:"} { // as keys names them
		b = append(strconv.AppendInt(append(b, '$'), int64(len(kind)+len(k)+len(id)), 10), "\r\n"...)
		b = append(append(append(append(b, kind...), k...), id...), "\r\n"...)
	}
	q.text = b
}

// command makes q any command.
func (q *question) command(cmd string, args []any) {
	q.any = true
	b := append(q.text[:0], '*')
	b = strconv.AppendInt(b, int64(1+len(args)), 10)
	b = appendBulk(append(b, "\r\n"...), cmd)
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			b = appendBulk(b, arg)
		case []byte:
			b = appendBulk(b, string(arg))
		case int:
			b = appendBulk(b, strconv.Itoa(arg))
		default:
			b = appendBulk(b, fmt.Sprint(arg))
		}
	}
	q.text = b
}

func appendBulk(b []byte, s string) []byte {
	b = append(b, '$')
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, "\r\n"...)
	return append(append(b, s...), "\r\n"...)
}

// take makes a the answer of q, and copies what of it will not last. An error if
// a cannot be an answer to q.
func (q *question) take(a *answer) error {
	switch {
	case a.kind == '-':
		q.err = redis.Error(a.text)
	case q.any:
		q.reply = a.value()
	case a.kind == '$':
		q.found = !a.null
		q.record = append(q.record[:0], a.bulk...)
	case a.kind == '*' && len(a.list) == 2:
		record, there := a.list[0].([]byte)
		_, over := a.list[1].([]byte)
		q.found = there && !over
		q.record = append(q.record[:0], record...)
	default:
		return errProtocol
	}
	return nil
}

// questions is a queue.
type questions struct {
	all  []*question
	head int
}

func (l *questions) len() int { return len(l.all) - l.head }

func (l *questions) first() *question { return l.all[l.head] }

func (l *questions) push(q *question) {
	if l.head > len(l.all)/2 && len(l.all) == cap(l.all) { // the place of those who have gone
		n := copy(l.all, l.all[l.head:])
		clear(l.all[n:])
		l.all, l.head = l.all[:n], 0
	}
	l.all = append(l.all, q)
}

func (l *questions) pop() {
	l.all[l.head] = nil
	l.head++
	if l.head == len(l.all) {
		l.all, l.head = l.all[:0], 0
	}
}

func (l *questions) takeAll() []*question {
	all := l.all[l.head:]
	*l = questions{}
	return all
}

// earliest returns the earliest deadline; zero if there is no question.
func (l *questions) earliest() (first time.Time) {
	for _, q := range l.all[l.head:] {
		if first.IsZero() || q.deadline.Before(first) {
			first = q.deadline
		}
	}
	return first
}
