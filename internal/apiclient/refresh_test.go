package apiclient

import (
	"testing"
	"time"
)

func TestRefreshesNearTheEnd(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.pass(49 * time.Second)
	c.isIn(t)
	if n := s.count("POST /api/v1/refresh"); n != 0 {
		t.Errorf("%d refreshes with 11 s to go", n)
	}
	s.pass(2 * time.Second)
	c.isIn(t)
	c.isIn(t)
	if refreshes, asks := s.count("POST /api/v1/refresh"), s.count("GET /api/v1/me"); refreshes != 1 || asks != 3 {
		t.Errorf("%d refreshes, %d questions", refreshes, asks)
	}
	for range 20 {
		s.pass(time.Hour)
		c.isIn(t)
	}
	if g := s.session(0).generation; g != 22 {
		t.Errorf("generation %d", g)
	}
}

// Whatever our clock says, the server's word counts.
func TestRefreshesWhenRefused(t *testing.T) {
	s := newServer(t)
	c := s.loggedIn(t)
	s.forget()
	c.isIn(t)
	if n := s.count("POST /api/v1/refresh"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	s.forget()
	if _, err := c.Logout(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if s.session(0).ended != "logout" {
		t.Error("the session lives")
	}
}
