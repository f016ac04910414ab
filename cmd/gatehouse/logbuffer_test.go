package main

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// writes remembers what each write was of.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(b))
	return len(b), nil
}

func (w *writes) get() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.all...)
}

// Lines are written whole, in their order, once each.
func TestLogIsGathered(t *testing.T) {
	var out writes
	b := newLogBuffer(&out)
	log := slog.New(promptHandler{slog.NewTextHandler(b, nil), b, true}).With("node", 1)
	log.Info("one")
	log.Info("two")
	if got := out.get(); len(got) != 0 {
		t.Errorf("written at once: %q", got)
	}
	log.Warn("three")
	got := out.get()
	if len(got) != 1 || strings.Count(got[0], "\n") != 3 || strings.Index(got[0], "msg=one") > strings.Index(got[0], "msg=three") {
		t.Errorf("with a warning: %q, want three lines at once", got)
	}
	log.WithGroup("g").Error("four")
	if got := out.get(); len(got) != 2 || !strings.Contains(got[1], "four") {
		t.Errorf("with an error: %q", got)
	}
	log.Info("five")
	b.flush()
	b.flush()
	if got := out.get(); len(got) != 3 || !strings.Contains(got[2], "five") {
		t.Errorf("at the stop: %q", got)
	}
}

func TestLogIsWrittenInTime(t *testing.T) {
	var out writes
	b := newLogBuffer(&out)
	for n := range 3 { // also after it has been empty
		if _, err := b.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); len(out.get()) <= n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a line is not written")
			}
		}
	}
}

func TestLogIsWrittenWhenItIsMuch(t *testing.T) {
	var out writes
	b := newLogBuffer(&out)
	var all sync.WaitGroup
	line := strings.Repeat("x", 99) + "\n"
	for range 4 {
		all.Go(func() {
			for range logGather / len(line) {
				_, _ = b.Write([]byte(line))
			}
		})
	}
	all.Wait()
	b.flush()
	text := strings.Join(out.get(), "")
	if text != strings.Repeat(line, 4*(logGather/len(line))) {
		t.Errorf("%d bytes, or not whole lines", len(text))
	}
	if n := len(out.get()); n > 8 {
		t.Errorf("%d writes", n)
	}
}
