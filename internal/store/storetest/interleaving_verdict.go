package storetest

import (
	"errors"
	"slices"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// afterAll judges what everybody has been answered, and what is left.
func (s *scene) afterAll() {
	s.seen = map[session.ID]bool{}
	for _, c := range s.calls {
		switch c.kind {
		case "check", "save", "touch", "renew", "refresh":
			s.judgeRequest(c)
		case "authenticate", "start":
			s.judgeLogin(c)
		default: // an end, or a part of one
			if c.err != nil {
				s.violated("%s: %v", c.kind, c.err)
			}
		}
	}
	s.judgeUses()
	s.judgeReceipts()
	for _, id := range s.known() {
		if s.stays(id) && !s.alive(id) {
			s.violated("%s is over, and nobody has ended it", s.nameOf(id))
		}
	}
	for _, n := range s.newcomers {
		if n.in && s.endedBy(n.id) == "" && !s.canBeReplaced() && !s.alive(n.id) {
			s.violated("%s is over, and nobody has ended it", s.nameOf(n.id))
		}
	}
	if s.slow == nil {
		s.knock()
		s.goOn()
		s.compareLists()
	}
}

// judgeRequest: what begins after the answer to an end is told that it ended,
// and why; what was answered before any end began was accepted.
func (s *scene) judgeRequest(c call) {
	var over *session.EndedError
	refused := errors.As(c.err, &over)
	if c.err != nil && !refused && !(c.kind == "renew" && errors.Is(c.err, session.ErrEpoch)) {
		s.violated("%s: %v", c.kind, c.err)
	}
	after, before := false, true
	for _, d := range s.done {
		// What becomes of a refresh token is decided in the last step of its use.
		late := c.began > d.answered || c.kind == "refresh" && c.answered > d.answered
		after = after || d.err == nil && s.dooms(d, c.id) && late
		before = before && c.answered < d.began
	}
	if after && c.err == nil {
		s.violated("a %s that came after the answer to the end was accepted", c.kind)
	}
	if refused && !slices.Contains(s.reasons(), over.Reason) {
		s.violated("a %s was refused as %q", c.kind, over.Reason)
	}
	if before && c.err != nil && s.onlyEndsEnd(c) {
		s.violated("a %s that was answered before the end began was refused: %v", c.kind, c.err)
	}
	if c.err != nil && s.stays(c.id) {
		s.violated("a %s was refused, and nobody has ended the session: %v", c.kind, c.err)
	}
}

// onlyEndsEnd reports whether no other request can have refused c.
func (s *scene) onlyEndsEnd(c call) bool {
	if s.reuses() || s.has(func(r deed) bool { return r.ends }) {
		return false
	}
	if c.kind == "renew" {
		return s.renewals <= 1
	}
	return len(s.requests) == 1 || !s.has(func(r deed) bool { return r.renews })
}

// reasons returns why the session can have ended.
func (s *scene) reasons() (all []session.Reason) {
	for _, e := range s.ends {
		all = append(all, e.reason)
	}
	for _, r := range s.requests {
		if r.ends || r.renews {
			all = append(all, session.Replaced)
		}
		if r.changesPassword {
			all = append(all, session.Password)
		}
	}
	if s.reuses() {
		all = append(all, session.Reuse)
	}
	return all
}

// judgeLogin: who read the account before an end of it comes too late (I4), who
// read it after the answer is let in.
func (s *scene) judgeLogin(c call) {
	raised, disabled, shut := s.user.Epoch, false, false
	for _, d := range s.done {
		raised = user.Epoch{All: max(raised.All, d.epoch.All), User: max(raised.User, d.epoch.User)}
		if d.disables {
			disabled = disabled || c.answered > d.began
			shut = shut || c.began > d.answered
		}
	}
	var full *session.LimitError
	switch {
	case c.kind == "authenticate" && c.err == nil:
		if shut {
			s.violated("a log-in to an account that had been disabled was accepted")
		}
	case c.kind == "authenticate":
		if !disabled || !errors.Is(c.err, user.ErrCredentials) {
			s.violated("authenticate: %v", c.err)
		}
	case c.err == nil:
		for _, d := range s.done {
			if !d.one && c.epoch.Before(raised) && c.began > d.answered {
				s.violated("a log-in from before the end was told after it that it had succeeded")
			}
		}
	case errors.As(c.err, &full):
		if s.limit == 0 || len(full.Oldest) == 0 {
			s.violated("start: %v, naming %d", c.err, len(full.Oldest))
		}
	case !errors.Is(c.err, session.ErrEpoch) || !c.epoch.Before(raised) && !s.has(func(r deed) bool { return r.changesPassword }):
		s.violated("start: %v", c.err)
	}
}

// judgeReceipts: the number is right where it is one. A session that an end and
// a reuse have ended is counted by one of them.
func (s *scene) judgeReceipts() {
	if len(s.ends) > 1 || s.has(func(r deed) bool { return r.ends }) {
		return
	}
	ids := []session.ID{s.subject, s.mine, s.others}
	for _, n := range s.newcomers {
		if n.in {
			ids = append(ids, n.id)
		}
	}
	over := map[session.ID]bool{}
	got, gone := 0, 0
	for _, d := range s.done {
		if d.err != nil {
			return
		}
		got, gone = got+d.receipt.Ended, gone+d.receipt.Gone
		for _, id := range ids {
			if s.dooms(d, id) {
				over[id] = true
			}
		}
	}
	if got != len(over) || gone != 0 && len(s.done) <= 1 {
		s.violated("the receipts say that %d sessions have ended and %d were gone; want %d and 0", got, gone, len(over))
	}
}

// canBeReplaced reports whether a log-in can have made room for another.
func (s *scene) canBeReplaced() bool {
	return len(s.requests) > 1 && s.limit > 0 || s.has(func(r deed) bool { return r.changesPassword })
}

// knock does to the sessions that are over what a request still could that had
// loaded them while they lived. Nothing of it brings one back.
func (s *scene) knock() {
	for _, id := range s.known() {
		if id == s.others || id == s.mine || s.alive(id) { // no request has these
			continue
		}
		now := s.clock.Now()
		old := session.Session{ID: id, User: s.user.ID, Began: s.house.begin, LastSeen: s.house.begin, Idle: limits.Idle, Deadline: s.house.begin.Add(limits.Lifetime), Role: user.RoleUser}
		next := old
		_, next.ID = session.NewToken(s.user.ID)
		next.LastSeen, next.Epoch = now, user.Epoch{All: 1 << 30, User: 1 << 30}
		for what, err := range map[string]error{
			"save":  s.looking.Store.Save(background, old, []byte("late"), now),
			"touch": s.looking.Store.Touch(background, old, now),
			"renew": s.looking.Store.Renew(background, old, next),
		} {
			if isSlow(err) {
				s.slow = err
			} else if !isEnded(err) {
				s.violated("a late %s of %s, which is over: %v", what, s.nameOf(id), err)
			}
		}
		s.knockWith(id)
		if s.check(id) || s.check(next.ID) {
			s.violated("%s has come back", s.nameOf(id))
		}
	}
}

// compareLists: records, index and checks agree on who is there.
func (s *scene) compareLists() {
	var living []session.ID
	for _, id := range s.known() {
		if id != s.others && s.alive(id) {
			living = append(living, id)
		}
	}
	slices.Sort(living)
	s.wantFull(living)
	var index []session.ID // before ListUser, which tidies it
	if s.index != nil {
		index = s.index(s.user.ID)
		slices.Sort(index)
	}
	list, err := s.looking.Store.ListUser(background, s.user.ID, s.clock.Now())
	s.answered("list", err)
	var listed []session.ID
	for _, one := range list {
		listed = append(listed, one.ID)
	}
	slices.Sort(listed)
	records := s.scan(s.user.ID)
	if !slices.Equal(living, listed) || !slices.Equal(living, records) || s.index != nil && !slices.Equal(living, index) {
		s.violated("%d sessions are accepted, %d listed, %d scanned, %d in the index", len(living), len(listed), len(records), len(index))
	}
}

// wantFull: who competes for a place leaves none empty that nobody ended.
func (s *scene) wantFull(living []session.ID) {
	if len(s.ends) == 0 && len(s.newcomers) > 0 && !s.has(func(r deed) bool { return r.changesPassword }) && len(living) != s.limit {
		s.violated("%d sessions are left, and there is room for %d", len(living), s.limit)
	}
}
