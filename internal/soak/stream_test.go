package soak

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// stream is an open event stream.
type stream struct {
	lines *bufio.Scanner
	close func()
}

// next waits for an event and returns its name, "" if the stream is over.
func (s *stream) next() string {
	late := time.AfterFunc(patience, s.close)
	defer late.Stop()
	for s.lines.Scan() {
		if name, ok := strings.CutPrefix(s.lines.Text(), "event: "); ok {
			return name
		}
	}
	return ""
}

// hangUp closes the stream that w has open.
func (w *worker) hangUp() {
	if w.stream != nil {
		w.stream.close()
		w.stream = nil
	}
}

// listen opens a stream in the place of the one before. In one of two cases it
// stays open until the next; in the other the session logs out, and the stream has
// to say so.
func (w *worker) listen(v *visitor) {
	if v.bearer() { // streams are for pages
		w.check(v)
		return
	}
	w.hangUp()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.anyNode()+"/mypage/events", nil)
	if err != nil {
		panic(err) // a path of ours
	}
	req.Header.Set(v.carrier.name, v.carrier.value)
	resp, err := (&http.Client{Transport: w.http.Transport}).Do(req)
	if err != nil {
		cancel()
		w.tally.complain("event stream: %v", err)
		return
	}
	w.tally.answered(resp.StatusCode == http.StatusServiceUnavailable)
	s := &stream{lines: bufio.NewScanner(resp.Body), close: func() { cancel(); resp.Body.Close() }}
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable:
		s.close()
		return
	case resp.StatusCode != http.StatusOK:
		s.close()
		w.tally.complain("event stream: %s", resp.Status)
		return
	}
	w.stream = s
	if event := s.next(); event == "ended" {
		if v.livesAt(time.Now(), w.round) {
			w.tally.complain("event stream: a live session was called ended")
		}
		w.died(v)
		return
	} else if event != "live" {
		w.tally.complain("event stream: it began with %q", event)
		return
	}
	if rand.IntN(2) == 0 {
		return
	}
	w.logOut(v)
	if !v.ended {
		return
	}
	for event := s.next(); event != "ended"; event = s.next() {
		if event == "" {
			w.tally.complain("event stream: it did not say that its session had ended")
			return
		}
	}
}
