package storetest

import (
	"fmt"
	"slices"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// afterStep looks at the stores as a request would that begins at this moment.
func (s *scene) afterStep(a *actor) {
	if s.slow != nil {
		return
	}
	for _, d := range s.done {
		if d.answered > 0 && d.epoch == (user.Epoch{}) {
			u, err := s.looking.Users.ByID(background, s.user.ID)
			if err != nil {
				s.slow = err
			}
			d.epoch = u.Epoch
		}
	}
	s.seen = map[session.ID]bool{}
	for _, id := range s.known() {
		if by := s.endedBy(id); by != "" && s.alive(id) {
			s.violated("%s is alive after the answer to %q", s.nameOf(id), by)
		}
		if s.kept(id) && s.stays(id) && !s.alive(id) {
			s.violated("%s is over, and was to be kept", s.nameOf(id))
		}
	}
	if s.limit > 0 && (a.doing == "start" || a.doing == "renew") { // nothing else makes them more
		s.watchLimit()
	}
	s.watchLedger()
}

// known returns the sessions of the scene, those of log-ins and renewals that
// are still under way too.
func (s *scene) known() []session.ID {
	ids := append([]session.ID{s.subject, s.mine, s.others}, s.heirs...)
	for _, n := range s.newcomers {
		ids = append(ids, n.id)
	}
	return ids
}

// endedBy names the end that has been answered and after which the session has
// to be over; empty if there is none.
func (s *scene) endedBy(id session.ID) string {
	for _, d := range s.done {
		if d.answered > 0 && d.err == nil && s.dooms(d, id) {
			return d.name
		}
	}
	return ""
}

// dooms reports whether the session has to be over after d.
func (s *scene) dooms(d *ended, id session.ID) bool {
	if slices.Contains(s.heirs, id) {
		id = s.subject
	}
	if n := s.newcomer(id); n != nil {
		return !d.one && n.epoch.Before(d.epoch)
	}
	return d.ending.dooms(s, id)
}

func (s *scene) newcomer(id session.ID) *newcomer {
	for _, n := range s.newcomers {
		if n.id == id {
			return n
		}
	}
	return nil
}

// stays reports whether a session that was there at the beginning has to be
// there all the time, because nobody ends it.
func (s *scene) stays(id session.ID) bool {
	switch id {
	case s.others:
	case s.mine:
		if s.has(func(r deed) bool { return r.ends }) && !s.alwaysReplacesSubject() {
			return false
		}
	case s.subject:
		if s.reuses() || s.has(func(r deed) bool { return r.ends || r.renews }) {
			return false
		}
	default:
		return false
	}
	return !slices.ContainsFunc(s.ends, func(e ending) bool { return e.dooms(s, id) })
}

// alwaysReplacesSubject reports whether who makes room at the limit can only
// find the session that everything is about to be the oldest.
func (s *scene) alwaysReplacesSubject() bool {
	return len(s.requests) == 1 && s.limit == noPlace
}

// kept reports whether an end makes an exception of the session: at no moment
// does it look ended.
func (s *scene) kept(id session.ID) bool {
	return slices.ContainsFunc(s.ends, func(e ending) bool { return e.keep(s) == id })
}

func (s *scene) has(is func(deed) bool) bool { return slices.ContainsFunc(s.requests, is) }

// alive checks as a request does, once at this moment.
func (s *scene) alive(id session.ID) bool {
	alive, known := s.seen[id]
	if !known {
		alive = s.check(id)
		s.seen[id] = alive
	}
	return alive
}

func (s *scene) check(id session.ID) bool {
	_, err := s.manager.Check(background, id)
	switch {
	case isSlow(err):
		s.slow = err
	case err != nil && !isEnded(err):
		s.violated("check of %s: %v", s.nameOf(id), err)
	}
	return err == nil
}

// watchLimit counts those that are let in, not what a list says of them.
func (s *scene) watchLimit() {
	n := 0
	for _, id := range s.known() {
		if id != s.others && s.alive(id) {
			n++
		}
	}
	if n > s.limit {
		s.violated("%d sessions live at once, %d may", n, s.limit)
	}
}

// scan returns the sessions of u that have a record, in the order of ids.
func (s *scene) scan(u user.ID) (ids []session.ID) {
	err := s.looking.Store.Scan(background, s.clock.Now(), func(one session.Session) error {
		if one.User == u {
			ids = append(ids, one.ID)
		}
		return nil
	})
	s.answered("scan", err)
	slices.Sort(ids)
	return ids
}

// watchLedger holds whoever ends the session that everything is about to I2: it
// is not over before the ledger says so.
func (s *scene) watchLedger() {
	if s.recorded || s.alive(s.subject) || s.slow != nil {
		return
	}
	s.recorded = true
	entries, err := s.looking.Ledger.After(background, s.head, 100)
	s.answered("ledger", err)
	for _, e := range entries {
		ofUser := e.User == s.user.ID && e.Keep != s.subject
		if e.Session == s.subject || ofUser || e.Session == "" && e.User == "" {
			return
		}
	}
	s.violated("%s is over, and the ledger does not know", s.nameOf(s.subject))
}

// answered notes a store that gave no answer or failed.
func (s *scene) answered(what string, err error) {
	if isSlow(err) {
		s.slow = err
	} else if err != nil {
		s.violated("%s: %v", what, err)
	}
}

// violated notes a finding once.
func (s *scene) violated(format string, args ...any) {
	if what := fmt.Sprintf(format, args...); !slices.Contains(s.wrong, what) {
		s.wrong = append(s.wrong, what)
	}
}

// nameOf says which session it is without its id, which is never the same.
func (s *scene) nameOf(id session.ID) string {
	switch {
	case id == s.subject:
		return "the session"
	case id == s.mine:
		return "the user's other session"
	case id == s.others:
		return "the stranger's session"
	case slices.Contains(s.heirs, id):
		return "the renewed session"
	}
	return "the session of the log-in"
}
