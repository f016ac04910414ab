package storetest

import (
	"errors"

	"gatehouse/internal/session"
)

// Deeds with the refresh tokens of the session that everything is about, which
// is a client's then.
var (
	refresh = deed{name: "refresh", bearer: true, shows: currentToken, rotates: 1, act: func(a *actor) { a.refresh(currentToken) }}
	// The answer was lost: the same token twice.
	refreshAgain = deed{name: "refresh, and again", bearer: true, shows: currentToken, rotates: 1, act: func(a *actor) {
		a.refresh(currentToken)
		a.comesIn = true
		a.refresh(currentToken)
	}}
	refreshTwice = deed{name: "refresh twice", bearer: true, shows: currentToken, rotates: 2, act: func(a *actor) {
		if a.refresh(currentToken) {
			a.refresh(currentToken - 1)
		}
	}}
	retry       = deed{name: "retry", bearer: true, shows: previousToken, act: func(a *actor) { a.refresh(previousToken) }}
	reuse       = deed{name: "reuse", bearer: true, shows: olderToken, act: func(a *actor) { a.refresh(olderToken) }}
	renewBearer = deed{name: "renewal with new tokens", bearer: true, act: (*actor).renew, renews: true}
	rekeyBearer = deed{name: "password change with new tokens", bearer: true, act: (*actor).rekey, renews: true, ends: true, changesPassword: true}
)

// Which refresh token, as it was before anybody came: the current one, the one
// before it, which is good for a retry, or one that was spent before that.
const (
	currentToken = 1 + iota
	previousToken
	olderToken
)

// refreshInterleavings returns the combinations with refresh tokens: each deed
// with each end, some with each other, and two at once with an end.
func refreshInterleavings() (all []combination) {
	add := func(limit int, e *ending, requests ...deed) {
		c := combination{requests: requests, limit: limit}
		if e != nil {
			c.ends = []ending{*e}
		}
		all = append(all, c)
	}
	for _, e := range endings {
		for _, r := range []deed{refresh, refreshAgain, refreshTwice, retry, reuse, renewBearer} {
			add(0, &e, r)
		}
		if !e.password {
			add(0, &e, rekeyBearer)
		}
		add(0, &e, refresh, refresh)
	}
	for _, r := range []deed{refresh, refreshAgain, refreshTwice, retry, reuse} {
		add(0, &passwordHere, r)
	}
	add(0, &passwordHere, refresh, refresh)
	for _, two := range [][]deed{{refresh, retry}, {refresh, reuse}, {refresh, renewBearer}, {refresh, write}} {
		add(0, &endOne, two...)
		add(0, &endUser, two...)
	}
	add(0, &endOne, reuse, reuse)
	add(0, &endOne, reuse, renewBearer)
	for _, some := range [][]deed{
		{refresh, refresh}, {refreshAgain, refreshTwice}, {refreshTwice, refreshTwice}, {refresh, refresh, refresh},
		{refresh, retry}, {retry, retry}, {refreshTwice, retry},
		{refresh, reuse}, {retry, reuse}, {reuse, reuse}, {refresh, refresh, reuse},
		{refresh, renewBearer}, {retry, renewBearer}, {reuse, renewBearer}, {renewBearer, renewBearer},
		{refresh, rekeyBearer}, {reuse, rekeyBearer},
		{refresh, checks}, {refresh, write}, {refresh, touch}, {reuse, checks}, {reuse, write}, {reuse, touch},
	} {
		add(0, nil, some...)
	}
	add(noPlace, nil, refresh, replace)
	add(noPlace, nil, refresh, choose)
	return all
}

// use is a refresh token shown.
type use struct {
	call
	generation int  // of the token, from 1
	first      bool // it was told that it has ended the session as reuse
}

// reused is what the use of a spent token does.
var reused = ending{name: "reuse", reason: session.Reuse, one: true, keep: nothing}

// refresh shows a token: currentToken - 1 is the one that comes after the current.
func (a *actor) refresh(which int) (ok bool) {
	u := &use{generation: a.rotated() + currentToken + 1 - which}
	var next string
	u.call = a.call("refresh", a.subject, func() (err error) {
		a.comeIn()
		_, next, err = a.manager.Refresh(background, a.tokens[a.subject][u.generation-1])
		return err
	})
	a.uses = append(a.uses, u)
	var over *session.EndedError
	switch {
	case u.err == nil:
		a.given(u.generation+1, next)
	case errors.As(u.err, &over) && over.Reason == session.Reuse:
		d := &ended{ending: reused, call: call{kind: reused.name, id: u.id, began: u.began, answered: u.answered}}
		var first *session.ReuseError
		if u.first = errors.As(u.err, &first); u.first {
			d.receipt = first.Receipt
		}
		a.done = append(a.done, d)
	}
	return u.err == nil
}

// given notes the token of that generation, of which there is one.
func (s *scene) given(generation int, token string) {
	switch tokens := s.tokens[s.subject]; {
	case generation > len(tokens):
		s.tokens[s.subject] = append(tokens, token)
	case tokens[generation-1] != token:
		s.violated("two successors of one refresh token were given out")
	}
}

// rotated returns how often the tokens have been rotated before anybody came.
func (c combination) rotated() (n int) {
	for _, r := range c.requests {
		n = max(n, r.shows-currentToken)
	}
	return n
}

// reuses reports whether a token may be shown that was spent before the one
// that was spent last.
func (c combination) reuses() bool {
	for i, r := range c.requests {
		for j, other := range c.requests {
			after := r.shows - currentToken
			if i != j {
				after += other.rotates
			}
			if r.shows > 0 && after > previousToken-currentToken {
				return true
			}
		}
	}
	return false
}
