package server

import (
	"net/url"
	"strings"

	"gatehouse/internal/session"
)

// maxNext bounds a path to lead on to, as it is sent.
const maxNext = 2048

// localPath returns next if it is a path, with or without a query, on this
// site, and "" if it could lead a browser anywhere else. It decides on the
// parsed URL, and gives back what it has parsed, not what was typed.
func localPath(next string) string {
	if len(next) > maxNext {
		return ""
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	// Browsers read \ as / and drop tabs and line breaks, also where a server
	// in between has decoded them.
	if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsFunc(u.Path, unsafeInPath) {
		return ""
	}
	// To come back to these after log-in would log out, or run in circles.
	switch u.Path {
	case "/login", "/login/choose", "/logout", "/language":
		return ""
	}
	local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	if next = local.String(); len(next) > maxNext { // with what had to be escaped
		return ""
	}
	return next
}

func unsafeInPath(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }

// loginURL returns the log-in page that leads on to next and says why a session
// has ended; both may be empty.
func loginURL(next string, why session.Reason) string {
	q := url.Values{}
	if next = localPath(next); next != "" && next != "/" {
		q.Set("next", next)
	}
	if why != "" {
		q.Set("ended", string(why))
	}
	if len(q) == 0 {
		return "/login"
	}
	return "/login?" + q.Encode()
}
