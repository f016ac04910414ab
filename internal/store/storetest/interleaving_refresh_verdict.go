package storetest

import "gatehouse/internal/session"

// judgeUses: tokens are spent one after another, each once. What judgeRequest
// asks is not asked here.
func (s *scene) judgeUses() {
	cause, told, firsts := false, false, 0
	for _, u := range s.uses {
		spent := s.rotated()+1-u.generation > previousToken-currentToken // before anybody came
		for _, later := range s.uses {
			if later.err != nil || later.generation <= u.generation {
				continue
			}
			spent = spent || later.answered < u.began
			cause = cause || later.began < u.answered
		}
		if spent && u.err == nil {
			s.violated("a refresh token that was spent before the one before was accepted")
		}
		cause = cause || spent
		if u.first {
			firsts++
		}
	}
	for _, d := range s.done {
		told = told || d.reason == session.Reuse
	}
	switch {
	case told && !cause:
		s.violated("the session was ended as reuse, and every token was used once or tried again")
	case firsts > 1 || told && firsts == 0 && len(s.ends) == 0 && !s.has(func(r deed) bool { return r.ends || r.renews }):
		s.violated("%d were told that they have ended the session as reuse; want one", firsts)
	}
}

// knockWith shows every refresh token that was ever given out of a session that
// is over.
func (s *scene) knockWith(id session.ID) {
	for i, token := range s.tokens[id] {
		_, _, err := s.manager.Refresh(background, token)
		if isSlow(err) {
			s.slow = err
		} else if !isEnded(err) {
			s.violated("refresh token %d of %d of %s, which is over: %v", i+1, len(s.tokens[id]), s.nameOf(id), err)
		}
	}
}

// goOn does what the client of each session does that lives: it holds the token
// given out last, whatever the order was in which the answers came.
func (s *scene) goOn() {
	for id, tokens := range s.tokens {
		if !s.alive(id) {
			continue
		}
		now, err := s.manager.Check(background, id)
		s.answered("check", err)
		if rotations := int(now.Refresh.Generation) - 1; err == nil && rotations != len(tokens)-1 {
			s.violated("%d rotations of %s, and %d successors were given out", rotations, s.nameOf(id), len(tokens)-1)
		}
		last := tokens[len(tokens)-1]
		_, next, err := s.manager.Refresh(background, last)
		s.answered("refresh with the token given out last", err)
		_, retried, err := s.manager.Refresh(background, last)
		s.answered("retry with the token given out last", err)
		if next != retried {
			s.violated("two successors of one refresh token were given out")
		}
	}
}
