package redisdb

import (
	"context"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/session"
)

// endedChannel is where kill (lua/common.lua) says which session has ended and
// why: "reason id". Channels belong to the server and not to a database in it;
// the ids of other installations mean nothing to anybody here.
const endedChannel = "ended"

const (
	// pingEvery and silence find a subscription that is dead without having
	// been closed.
	pingEvery = time.Second
	silence   = 3 * time.Second
	// A lost subscription is taken up again after firstPause, then twice that
	// and so on up to lastPause.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

var _ session.Events = (*Store)(nil)

// Listen implements session.Events, on a connection of its own that no gate
// holds back: it reads no session, and an end is an end whatever else the
// server has forgotten.
func (s *Store) Listen(ctx context.Context, ended func(session.ID, session.Reason), missed func()) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if s.subscribe(ctx, ended, missed) {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// subscribe listens for as long as one connection lasts. It reports whether
// there was one.
func (s *Store) subscribe(ctx context.Context, ended func(session.ID, session.Reason), missed func()) (subscribed bool) {
	dialing, cancel := context.WithTimeout(ctx, opTimeout)
	conn, err := s.dialer.dial(dialing)
	cancel()
	if err != nil {
		return false
	}
	ctx, cancel = context.WithCancel(ctx)
	sub := redis.PubSubConn{Conn: conn}
	if err := sub.Subscribe(endedChannel, s.questions()); err != nil {
		cancel()
		conn.Close()
		return false
	}
	pinging := make(chan struct{})
	go func() {
		defer close(pinging)
		keepPinging(ctx, sub)
		conn.Close() // wakes the one who receives
	}()
	defer func() { cancel(); <-pinging }()
	answers := s.answering(ctx)
	defer answers.stop()
	asked := parts{}
	for {
		switch m := sub.ReceiveWithTimeout(silence).(type) {
		case redis.Subscription:
			subscribed = true
			missed() // whatever ended until now
		case redis.Message:
			if m.Channel != endedChannel {
				if question, whole := asked.add(string(m.Data)); whole {
					answers.give(question) // behind all news before the question
				}
				continue
			}
			reason, id, _ := strings.Cut(string(m.Data), " ")
			ended(unpackID(id), reasonOf(reason))
		case error:
			return subscribed
		}
	}
}

// keepPinging returns when ctx ends or the connection is broken.
func keepPinging(ctx context.Context, sub redis.PubSubConn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if sub.Ping("") != nil {
				return
			}
		}
	}
}

// reasonOf returns the reason named text; Forced for one of a newer program.
func reasonOf(text string) session.Reason {
	reason, ok := session.ParseReason(text)
	if !ok {
		return session.Forced
	}
	return reason
}
