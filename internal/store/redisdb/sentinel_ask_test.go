package redisdb

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// silentSentinels are some whose addresses nobody listens at any more, while they
// were replacing the master when they were heard last.
func silentSentinels(t *testing.T) *sentinels {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := newSentinels(sentinelScheme + l.Addr().String() + "/main")
	s.current = master{addr: "127.0.0.1:1", epoch: 7, replacing: true}
	return s
}

// Who goes away while the sentinels are asked has not heard that none of them is
// left: others would take it from there that no failover is under way, believe
// the old master, and be told that sessions have ended which live on the next.
func TestSentinelsAskedByWhoGoesAway(t *testing.T) {
	s := silentSentinels(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.confirm(gone); err == nil {
		t.Error("nobody has answered, and it is confirmed")
	}
	if !s.current.replacing {
		t.Error("the failover is over because somebody went away")
	}
	if !s.asked.IsZero() {
		t.Error("the next one does not ask")
	}
	if err := s.meet("another server"); !errors.Is(err, errReplacing) {
		t.Errorf("a server that is new, in the middle of the failover: %v", err)
	}
}

func TestSentinelsAllGone(t *testing.T) {
	s := silentSentinels(t)
	if err := s.confirm(t.Context()); err != nil || s.current.replacing {
		t.Errorf("nobody is left to replace the master: %v", err)
	}
	if time.Since(s.asked) > time.Minute {
		t.Error("the answer does not count")
	}
}
