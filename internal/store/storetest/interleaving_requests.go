package storetest

import (
	"errors"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// deed is what somebody does while somebody else ends sessions. One more is
// one more of these: act makes its calls of the store through actor.call.
type deed struct {
	name  string
	limit int // of sessions that the user may have; 0: no limit
	act   func(*actor)
	// What it does to the session that everything is about, or may do to others,
	// beside the end: with these, what the end finds depends on the order.
	renews, ends, changesPassword bool
	// bearer: the session is one of a client with refresh tokens. Of these it
	// shows one first (0: none), and spends so many, one after the other.
	bearer         bool
	shows, rotates int
}

// Limits on a user who has two sessions.
const (
	noPlace   = 2
	lastPlace = 3
)

var (
	check    = deed{name: "check", act: func(a *actor) { a.check() }}
	checks   = deed{name: "check twice", act: func(a *actor) { a.check(); a.comesIn = true; a.check() }}
	write    = deed{name: "write", act: (*actor).write}
	touch    = deed{name: "touch", act: (*actor).touch}
	renew    = deed{name: "renew", act: (*actor).renew, renews: true}
	renewNow = deed{name: "renew, checked before", act: (*actor).renewNow, renews: true}
	login    = deed{name: "log-in", act: func(a *actor) { a.login(false) }}
	replace  = deed{name: "log-in that replaces", limit: noPlace, act: func(a *actor) { a.login(true) }, ends: true}
	choose   = deed{name: "log-in that chooses", limit: noPlace, act: (*actor).choose, ends: true}
	rekey    = deed{name: "password change with a new token", act: (*actor).rekey, renews: true, ends: true, changesPassword: true}
)

// requests are those that meet every end.
var requests = []deed{login, checks, write, touch, renew, replace, choose}

// check is what every request does first.
func (a *actor) check() (s session.Session, ok bool) {
	c := a.call("check", a.subject, func() (err error) {
		a.comeIn()
		s, err = a.manager.Check(background, a.subject)
		return err
	})
	return s, c.err == nil
}

func (a *actor) write() {
	if s, ok := a.check(); ok {
		a.call("save", a.subject, func() error { return a.manager.Save(background, s, []byte("written")) })
	}
}

func (a *actor) touch() {
	if s, ok := a.check(); ok {
		a.call("touch", a.subject, func() error { return a.manager.Touch(background, s) })
	}
}

func (a *actor) renew() {
	if s, ok := a.check(); ok {
		a.renewTo(s, s.Epoch)
	}
}

// renewNow renews a session that was checked before anybody else came.
func (a *actor) renewNow() {
	a.renewTo(session.Session{
		ID: a.subject, User: a.user.ID, Username: a.user.Username, Role: a.user.Role, Epoch: a.user.Epoch,
		Began: a.house.begin, LastSeen: a.house.begin, Idle: limits.Idle, Deadline: a.house.begin.Add(limits.Lifetime),
	}, a.user.Epoch)
}

func (a *actor) renewTo(s session.Session, epoch user.Epoch) {
	a.renewals++
	if s.Carrier == session.Bearer {
		a.renewBearerTo(s, epoch)
		return
	}
	_, id := session.NewToken(a.user.ID)
	a.heirs = append(a.heirs, id)
	a.call("renew", a.subject, func() error {
		_, err := a.manager.Renew(background, s, id, epoch, s.Data)
		return err
	})
}

// renewBearerTo is told the new id with the answer.
func (a *actor) renewBearerTo(s session.Session, epoch user.Epoch) {
	var next session.Session
	var token string
	c := a.call("renew", a.subject, func() (err error) {
		next, token, err = a.manager.RenewBearer(background, s, epoch)
		return err
	})
	if c.err == nil {
		a.heirs = append(a.heirs, next.ID)
		a.tokens[next.ID] = []string{token}
	}
}

// authenticate is the first half of a log-in.
func (a *actor) authenticate() (u user.User, ok bool) {
	c := a.call("authenticate", "", func() (err error) {
		u, err = a.accounts.Authenticate(background, a.user.Username, secret)
		return err
	})
	return u, c.err == nil
}

// start is the second half.
func (a *actor) start(u user.User, replace bool) error {
	_, id := session.NewToken(a.user.ID)
	n := &newcomer{id: id, epoch: u.Epoch}
	a.newcomers = append(a.newcomers, n)
	c := a.call("start", n.id, func() error {
		_, err := a.manager.Start(background, n.id, session.New{User: u, Replace: replace}, nil)
		return err
	})
	a.calls[len(a.calls)-1].epoch = u.Epoch
	n.in = c.err == nil
	return c.err
}

func (a *actor) login(replace bool) {
	if u, ok := a.authenticate(); ok {
		err := a.start(u, replace)
		if replace {
			a.wantRoom(err)
		}
	}
}

// choose is told at the limit what would have to go, ends that, and comes again
// with what was read of the account the first time.
func (a *actor) choose() {
	u, ok := a.authenticate()
	if !ok {
		return
	}
	var full *session.LimitError
	if err := a.start(u, false); !errors.As(err, &full) {
		return
	}
	c := a.call("end the chosen", "", func() error {
		_, err := a.manager.End(background, full.Oldest, session.Why{Reason: session.Replaced, Actor: u.ID})
		return err
	})
	if c.err == nil {
		a.wantRoom(a.start(u, false))
	}
}

// wantRoom notes a log-in that has made room for itself and not been let in.
func (a *actor) wantRoom(err error) {
	if errors.Is(err, session.ErrLimit) && len(a.requests) == 1 {
		a.violated("there is no room after room has been made")
	}
}

// rekey changes the password in the session that everything is about, which is
// to go on under a new token.
func (a *actor) rekey() {
	s, ok := a.check()
	if !ok {
		return
	}
	var epoch user.Epoch
	change := user.Change{Actor: a.user.ID, At: a.clock.Now(), Keep: string(a.subject)}
	c := a.call("set password", "", func() (err error) {
		epoch, err = a.users.SetPassword(background, a.user.ID, a.hashes[0], a.hashes[1], change)
		return err
	})
	if c.err != nil {
		return
	}
	c = a.call("end the others", "", func() error {
		_, err := a.manager.EndUserAt(background, a.user.ID, epoch, a.subject, session.Why{Reason: session.Password})
		return err
	})
	if c.err == nil {
		a.renewTo(s, epoch)
	}
}
