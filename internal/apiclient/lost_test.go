package apiclient

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A lost answer is asked for again, and nothing is lost.
func TestDroppedAnswer(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.rotated = func(_ *http.Request, first bool) bool { return !first }
	for range 5 {
		s.pass(time.Minute)
		c.isIn(t)
	}
	if one := s.session(0); one.ended != "" || one.generation != 6 {
		t.Errorf("%+v", one)
	}
	if n := s.count("POST /api/v1/refresh"); n != 10 {
		t.Errorf("%d refreshes", n)
	}
}

// A server that is busy is asked again; one that is away keeps the log-in.
func TestRefreshWhileAway(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	c.insist = time.Second
	s.pass(time.Minute)
	busy := 2
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/api/v1/refresh" || busy == 0 {
			return false
		}
		busy--
		send(w, 503, map[string]any{"title": "Away", "detail": "A store is away."})
		return true
	}
	c.isIn(t)

	s.pass(time.Minute)
	busy = 1 << 30
	var p *Problem
	if _, err := c.Whoami(t.Context()); !errors.As(err, &p) || p.Status != 503 {
		t.Errorf("%v", err)
	}
	busy = 0
	c.isIn(t)
}

// A thief, or a backup put back: the session is over, and it is said.
func TestOldFileBack(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	path := c.folder.path(c.server)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.pass(time.Minute)
		c.isIn(t)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	var ended *EndedError
	if _, err := c.Whoami(t.Context()); !errors.As(err, &ended) || !strings.Contains(err.Error(), "reuse") {
		t.Error(err)
	}
}

// Nothing is spent whose successor could not be kept.
func TestNoRoomSpendsNothing(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	// Stands where the draft of the file would.
	inTheWay := filepath.Join(c.folder.path(c.server)+".tmp", "x")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	if _, err := c.Whoami(t.Context()); err == nil {
		t.Error("it says nothing")
	}
	if _, err := c.Login(t.Context(), Credentials{Username: "kim", Password: password}); err == nil {
		t.Error("it logs in")
	}
	if n := s.count("POST /api/v1/refresh") + s.count("POST /api/v1/login"); n != 1 {
		t.Errorf("%d log-ins and refreshes", n)
	}
	if err := os.RemoveAll(filepath.Dir(inTheWay)); err != nil {
		t.Fatal(err)
	}
	c.isIn(t)
}

// Ctrl-C while a token is being spent waits for its successor.
func TestInterruptedRefresh(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.pass(time.Minute)
	ctx, interrupt := context.WithCancel(t.Context())
	s.rotated = func(*http.Request, bool) bool {
		interrupt()
		return true
	}
	if _, err := c.Whoami(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.pass(11 * time.Second) // the grace is over
	c.isIn(t)
	if g := s.session(0).generation; g != 2 {
		t.Errorf("generation %d", g)
	}
}
