package audit

import "gatehouse/internal/user"

// KindOfEnd returns the kind of an end of everyone's, of one, or of several
// sessions.
func KindOfEnd(everyone, one bool) Kind {
	switch {
	case everyone:
		return EveryoneEnded
	case one:
		return SessionEnded
	}
	return SessionsEnded
}

// Ended returns the events of an end that e describes, asked for in the words
// of asked: one for each account that it hit, for its owner to see, and unless
// that says it all one for the end itself, which is of no account.
func Ended(e Event, asked string, hit []user.ID) []Event {
	if len(hit) == 1 {
		e.User = hit[0]
		return []Event{e}
	}
	var all []Event
	for _, u := range hit {
		one := e
		one.User, one.Detail.Ended = u, 0 // how many were whose is not known
		all = append(all, one)
	}
	e.User = ""
	if e.Kind != EveryoneEnded { // which says it all
		e.Detail.Target = asked
	}
	return append(all, e)
}
