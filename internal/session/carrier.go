package session

import (
	"strings"
	"unicode/utf8"

	"gatehouse/internal/user"
)

// Carrier is how a session's token travels.
type Carrier string

// The carriers. A session keeps the one it began with.
const (
	// Cookie: a browser holds the session's token and shows it with every
	// request.
	Cookie Carrier = "cookie"
	// Bearer: nobody holds the session's own token. A client holds access
	// tokens that name the session, and the refresh token that brings the next
	// one (Manager.Refresh).
	Bearer Carrier = "bearer"
)

// maxClient is how long the name of a client may be, in characters.
const maxClient = 60

// cleanClient returns the name that a client gave itself as lists may show it,
// in one line and at most maxClient characters; empty if nothing is left.
func cleanClient(name string) string {
	// Four times what the longest name can have: what a header of a megabyte
	// has behind that is not looked at.
	name = strings.ToValidUTF8(name[:min(len(name), 16*maxClient)], "")
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case !user.NameRune(r):
			return -1
		}
		return r
	}, name)), " ")
	if utf8.RuneCountInString(name) > maxClient {
		name = strings.TrimSpace(string([]rune(name)[:maxClient]))
	}
	return name
}
