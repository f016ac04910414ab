package figures

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	clients = 16
	// How many requests a trial waits for before the end, and again after it.
	// A number rather than a time, so that a slow machine measures as much.
	enough = 10 * clients
)

// load is clients that hammer one session until they are told to stop.
type load struct {
	site     *site
	cookie   *http.Cookie
	stop     atomic.Bool
	accepted atomic.Int64
	answered atomic.Int64
	hits     [clients][]hit
}

// hit is one request.
type hit struct {
	began    time.Time
	accepted bool
}

// run is one client.
func (l *load) run(ctx context.Context, client int) error {
	url := l.site.nodes[client%len(l.site.nodes)] + "/write"
	for !l.stop.Load() {
		h := hit{began: time.Now()}
		answer, err := l.site.send(ctx, http.MethodGet, url, l.cookie)
		if err != nil {
			return err
		}
		switch answer.StatusCode {
		case http.StatusOK:
			h.accepted = true
			l.accepted.Add(1)
		case http.StatusUnauthorized, http.StatusServiceUnavailable:
		default:
			return fmt.Errorf("write: %s", answer.Status)
		}
		l.hits[client] = append(l.hits[client], h)
		l.answered.Add(1)
	}
	return nil
}

// trial is one session that is ended in the middle of its load.
type trial struct {
	cookie         *http.Cookie
	endTook        time.Duration
	ended          time.Time // when the end had been answered
	requests       int
	acceptedBefore int // of those that began before ended
	begunAfter     int
	acceptedAfter  int // of those that began after ended: wrong
}

// try runs one trial.
func (s *site) try(ctx context.Context) (trial, error) {
	cookie, err := s.login(ctx)
	if err != nil {
		return trial{}, err
	}
	l, t := &load{site: s, cookie: cookie}, trial{cookie: cookie}
	all, ctx := errgroup.WithContext(ctx)
	for client := range clients {
		all.Go(func() error { return l.run(ctx, client) })
	}
	all.Go(func() error {
		defer l.stop.Store(true)
		if err := reach(ctx, &l.accepted, enough); err != nil {
			return err
		}
		asked := time.Now()
		if err := s.end(ctx, cookie); err != nil {
			return err
		}
		t.ended = time.Now()
		t.endTook = t.ended.Sub(asked)
		return reach(ctx, &l.answered, l.answered.Load()+enough)
	})
	if err := all.Wait(); err != nil {
		return trial{}, err
	}
	t.add(l)
	return t, nil
}

// add counts the hits of l.
func (t *trial) add(l *load) {
	for _, hits := range l.hits {
		for _, h := range hits {
			after := h.began.After(t.ended)
			t.requests++
			if after {
				t.begunAfter++
			}
			switch {
			case h.accepted && after:
				t.acceptedAfter++
			case h.accepted:
				t.acceptedBefore++
			}
		}
	}
}

// reach waits until n has grown to at least want.
func reach(ctx context.Context, n *atomic.Int64, want int64) error {
	for n.Load() < want {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}
