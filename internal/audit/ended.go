package audit

import (
	"strings"

	"gatehouse/internal/user"
)

// Ended returns the events of an end that e describes, asked for in the words
// of asked: one for each account that it hit, for its owner to see, and unless
// that says it all one for the end itself, which is of no account.
func Ended(e Event, asked string, hit []user.ID) []Event {
	var all []Event
	for _, u := range hit {
		one := e
		one.User = u
		all = append(all, one)
	}
	if len(hit) == 1 {
		return all
	}
	e.User = ""
	e.Note = strings.TrimSuffix(asked+": "+e.Note, ": ")
	return append(all, e)
}
