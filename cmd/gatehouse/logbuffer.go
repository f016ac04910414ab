package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// The log has a line for each request, and to write each by itself costs more
// than to make it. So lines are gathered, and written when there are many, when
// the first has waited for logDelay, when one is a warning or an error, and when
// the program stops. A program that is killed loses what it has gathered: up to
// logDelay of lines that say all went well.
const (
	logDelay  = 100 * time.Millisecond
	logGather = 32 << 10 // bytes
)

// logBuffer is a writer of whole lines that gathers them.
type logBuffer struct {
	to io.Writer

	mu      sync.Mutex
	lines   []byte
	waiting bool // a flush is on its way
	late    *time.Timer
}

func newLogBuffer(to io.Writer) *logBuffer {
	b := &logBuffer{to: to}
	b.late = time.AfterFunc(time.Hour, b.flush)
	b.late.Stop()
	return b
}

// Write implements io.Writer. It never fails: nobody could be told.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line...)
	switch {
	case len(b.lines) >= logGather:
		b.write()
	case !b.waiting:
		b.waiting = true
		b.late.Reset(logDelay)
	}
	return len(line), nil
}

// flush writes what has been gathered.
func (b *logBuffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = false
	b.write()
}

func (b *logBuffer) write() {
	if len(b.lines) > 0 {
		_, _ = b.to.Write(b.lines)
		b.lines = b.lines[:0]
	}
}

// promptHandler has lines that somebody has to see written at once, and whatever
// happened before them.
type promptHandler struct {
	slog.Handler
	buffer *logBuffer
	plain  bool // it writes as plainLine does
}

// Handle implements slog.Handler.
func (h promptHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.write(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.flush()
	}
	return err
}

func (h promptHandler) write(ctx context.Context, r slog.Record) error {
	if !h.plain {
		return h.Handler.Handle(ctx, r)
	}
	buf := plainBuffers.Get().(*[]byte)
	defer plainBuffers.Put(buf)
	line, ok := plainLine((*buf)[:0], r)
	if !ok {
		return h.Handler.Handle(ctx, r)
	}
	*buf = line
	_, err := h.buffer.Write(line)
	return err
}

// WithAttrs implements slog.Handler.
func (h promptHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return promptHandler{h.Handler.WithAttrs(attrs), h.buffer, false}
}

// WithGroup implements slog.Handler.
func (h promptHandler) WithGroup(name string) slog.Handler {
	return promptHandler{h.Handler.WithGroup(name), h.buffer, false}
}
