package apiclient

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/user"
)

// NotLoggedInError: nothing is kept of the server.
type NotLoggedInError struct{ URL string }

// Error implements error.
func (e *NotLoggedInError) Error() string { return "not logged in at " + e.URL }

// EndedError: the server says that the log-in no longer counts.
type EndedError struct {
	URL string
	Why string // a sentence for people; may be empty
}

// Error implements error.
func (e *EndedError) Error() string {
	return strings.TrimSuffix("the log-in at "+e.URL+" has ended: "+e.Why, ": ")
}

// AwayError: no answer came, so nothing is known.
type AwayError struct {
	URL string
	Err error // without anything secret

	unsent bool // the request has certainly not reached the server
}

// Error implements error.
func (e *AwayError) Error() string { return fmt.Sprintf("%s cannot be reached: %v", e.URL, e.Err) }

// Unwrap returns the cause.
func (e *AwayError) Unwrap() error { return e.Err }

// Problem is an error as the server answers it (RFC 9457).
type Problem struct {
	Status int    `json:"-"` // of HTTP
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Reason string `json:"reason"` // why the session has ended; empty if that is not the problem

	retryAfter time.Duration // 0: not said
}

// Error implements error.
func (p *Problem) Error() string {
	text := oneLine(p.Detail)
	if text == "" {
		text = oneLine(p.Title)
	}
	if text == "" {
		text = fmt.Sprintf("the server answers %d", p.Status)
	}
	if p.retryAfter > 0 {
		text = fmt.Sprintf("%s (try again in %v)", text, p.retryAfter)
	}
	return text
}

// maxText is how much of a text of the server is shown, in characters.
const maxText = 500

// oneLine returns what a server said as a terminal may show it: one line without
// the characters that would move the cursor or turn the text around.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !user.NameRune(r):
			return -1
		}
		return r
	}, text[:min(len(text), 4*maxText)])
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText]) + "…"
	}
	return strings.TrimSpace(text)
}
