package user

import (
	"regexp"
	"strings"
)

// Lengths of a username in characters (they are all ASCII).
const (
	MinUsername = 3
	MaxUsername = 32
)

// usernames are ASCII because two accounts must never look alike (a Cyrillic
// "аdmin"). They cannot end with a dot so that a name at the end of a sentence
// or in a link is read whole, and cannot hold an @, which tells an e-mail
// address from a username at log-in.
var usernames = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9_-])?$`)

// reserved usernames: the four by which pages, logs and the command line call
// somebody who is no account, and the word that stands in an address where a
// username would (/users/new).
var reserved = map[string]bool{
	"anonymous": true,
	"gatehouse": true,
	"operator":  true,
	"system":    true,
	"new":       true,
}

// parseUsername returns s in its one stored form, or the key of the message
// that says what is wrong with it.
func parseUsername(s string) (username, problem string) {
	s = lowerASCII(strings.TrimSpace(s))
	switch {
	case s == "":
		return "", "username_required"
	case len(s) > 4*MaxUsername:
		return "", "username_long"
	case len(s) < MinUsername && usernames.MatchString(s):
		return "", "username_short"
	case !usernames.MatchString(s):
		return "", "username_chars"
	case len(s) > MaxUsername:
		return "", "username_long"
	case reserved[s]:
		return "", "username_reserved"
	}
	return s, ""
}

// lowerASCII folds A to Z and nothing else: strings.ToLower would also turn
// the Kelvin sign into a k, and so a foreign character into an allowed one.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
