package user

import (
	"net/mail"
	"regexp"
	"strings"
)

const maxEmail = 254 // RFC 5321, 4.5.3.1.3, as corrected by erratum 1690

// domains have at least two labels: "kim@naver" is a typing mistake far more
// often than an address.
var domains = regexp.MustCompile(`(?i)^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// parseEmail returns s trimmed, otherwise as typed, or the key of the message
// that says what is wrong with it. An empty address is none, and allowed.
//
// Addresses are ASCII (a foreign domain in its xn-- form): then every database
// agrees on what "the same without regard to case" means, and no two
// addresses look alike.
func parseEmail(s string) (email, problem string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	if len(s) > maxEmail || !printableASCII(s) {
		return "", "email_invalid"
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return "", "email_invalid"
	}
	at := strings.LastIndexByte(s, '@')
	if local := s[:at]; len(local) > 64 || strings.ContainsAny(local, `" @`) {
		return "", "email_invalid"
	}
	if !domains.MatchString(s[at+1:]) {
		return "", "email_invalid"
	}
	return s, ""
}

// EmailKey returns the form in which an e-mail address is unique and looked
// up: lower case.
func EmailKey(email string) string { return lowerASCII(email) }

// LoginKey returns what somebody typed to log in, a username or an e-mail
// address, in the form in which it is looked up and counted, and whether an
// account could have it at all. If not, no store need be asked.
func LoginKey(login string) (key string, ok bool) {
	login = lowerASCII(strings.TrimSpace(login))
	if strings.Contains(login, "@") {
		email, problem := parseEmail(login)
		return email, problem == "" && email != ""
	}
	// Reserved names are looked up too: an account may be older than the list.
	if len(login) > MaxUsername || !usernames.MatchString(login) {
		return "", false
	}
	return login, true
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
