package storetest

import (
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// ending is a way to end sessions.
type ending struct {
	name     string
	reason   session.Reason
	everyone bool // also the stranger's
	one      bool // nothing but the one that everything is about
	disables bool
	password bool
	// keep returns what stays.
	keep func(*scene) session.ID
	act  func(*actor, session.ID, session.Why) (session.Receipt, error)
}

var (
	endOne = ending{name: "end one", reason: session.Forced, one: true, keep: nothing,
		act: func(a *actor, _ session.ID, why session.Why) (session.Receipt, error) {
			return a.manager.End(background, []session.ID{a.subject}, why)
		}}
	endUser = ending{name: "end user", reason: session.Forced, keep: nothing,
		act: func(a *actor, keep session.ID, why session.Why) (session.Receipt, error) {
			return a.manager.EndUser(background, a.user.ID, keep, why)
		}}
	endEveryone = ending{name: "end everyone", reason: session.Forced, everyone: true, keep: nothing,
		act: func(a *actor, _ session.ID, why session.Why) (session.Receipt, error) {
			return a.manager.EndAll(background, why)
		}}
	disable = ending{name: "disable", reason: session.Disabled, disables: true, keep: nothing, act: (*actor).disable}
	// The person changes the password in the other session, which stays.
	passwordThere = ending{name: "password change", reason: session.Password, password: true,
		keep: func(s *scene) session.ID { return s.mine }, act: (*actor).changePassword}
	// The same in the session that everything is about.
	passwordHere = ending{name: "password change in this session", reason: session.Password, password: true,
		keep: func(s *scene) session.ID { return s.subject }, act: (*actor).changePassword}
)

// endings are those that meet every request.
var endings = []ending{endOne, endUser, endEveryone, disable, passwordThere}

func nothing(*scene) session.ID { return "" }

func (a *actor) disable(_ session.ID, why session.Why) (session.Receipt, error) {
	epoch, err := a.users.Disable(background, a.user.ID, user.Change{At: a.clock.Now()})
	if err != nil {
		return session.Receipt{}, err
	}
	return a.manager.EndUserAt(background, a.user.ID, epoch, "", why)
}

func (a *actor) changePassword(keep session.ID, why session.Why) (session.Receipt, error) {
	change := user.Change{Actor: a.user.ID, At: a.clock.Now(), Keep: string(keep)}
	epoch, err := a.users.SetPassword(background, a.user.ID, a.hashes[0], a.hashes[1], change)
	if err != nil {
		return session.Receipt{}, err
	}
	return a.manager.EndUserAt(background, a.user.ID, epoch, keep, why)
}

// end does e and notes what became of it.
func (a *actor) end(e ending) {
	done := &ended{ending: e}
	a.done = append(a.done, done)
	done.call = a.call(e.name, "", func() (err error) {
		done.receipt, err = e.act(a, e.keep(a.scene), session.Why{Reason: e.reason})
		return err
	})
}

// dooms reports whether a session of the scene that has lived since the
// beginning is over once the end has been answered. A renewal does not save it.
func (e ending) dooms(s *scene, id session.ID) bool {
	switch {
	case id == e.keep(s):
		return false
	case id == s.others:
		return e.everyone
	case e.one:
		return id == s.subject
	}
	return true
}
