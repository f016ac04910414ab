package session

import (
	"net/textproto"
	"strings"
)

// maxCookies is how many net/http takes of one request; with more it takes none.
const maxCookies = 3000

// cookieNamed returns the value of the first cookie of that name in a request with
// these lines of the header Cookie; empty if there is none, or if it is empty. It is what net/http's Request.Cookie finds
// (a fuzz test holds the two together), and allocates nothing for it.
func cookieNamed(lines []string, name string) string {
	total := 0
	for _, line := range lines {
		total += strings.Count(line, ";") + 1
	}
	if total > maxCookies {
		return ""
	}
	for _, line := range lines {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			// A name of ours is a token, so what is none is not it.
			n, value, _ := strings.Cut(textproto.TrimString(part), "=")
			if textproto.TrimString(n) != name {
				continue
			}
			if value, ok := cookieValue(value); ok {
				return value
			}
		}
	}
	return ""
}

// cookieValue returns the value without its quotes, and whether it is one (RFC
// 6265, section 4.1.1; net/http also lets spaces and commas pass).
func cookieValue(raw string) (string, bool) {
	if len(raw) > 1 && raw[0] == '"' && raw[len(raw)-1] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	for i := range len(raw) {
		if b := raw[i]; b < 0x20 || b >= 0x7f || b == '"' || b == ';' || b == '\\' {
			return "", false
		}
	}
	return raw, true
}
