package soak

import (
	"slices"
	"time"
)

// visitor is a session that a log-in began, and what its one client knows of it.
// Times of requests are taken around them: what happened in a node did so between
// began and answered.
type visitor struct {
	account *account
	id      string
	carrier carrier
	refresh string    // token, of a bearer session
	spent   string    // refresh token before
	older   string    // refresh token before that, which ends the session if it is shown
	tokenTo time.Time // the access token counts at least until then

	bornFrom, bornTo time.Time // when the log-in began and was answered
	usedFrom, usedTo time.Time // the same of the last use; usedFrom of one that was accepted
	left             bool      // it is not used, and expires
	ended            bool      // it was answered so
}

// carrier is the header that carries a session.
type carrier struct{ name, value string }

func byCookie(token string) carrier  { return carrier{"Cookie", "__Host-session=" + token} }
func byBearer(access string) carrier { return carrier{"Authorization", "Bearer " + access} }

// here reports whether v is alive, as far as is known.
func (v *visitor) here() bool { return slices.Contains(v.account.live, v) }

// bearer reports whether v has tokens instead of a cookie.
func (v *visitor) bearer() bool { return v.refresh != "" }

// clockGrain is what times in milliseconds may be off.
const clockGrain = 50 * time.Millisecond

// livesAt reports whether v has to be alive in a request answered at t, as far as
// its deadlines go. The idle deadline moves at most once per idle/20.
func (v *visitor) livesAt(t time.Time, r round) bool {
	return t.Before(v.bornFrom.Add(r.lifetime-clockGrain)) && t.Before(v.usedFrom.Add(r.idle-r.idle/20-clockGrain))
}

// deadAt reports whether one of its deadlines must have passed at t.
func (v *visitor) deadAt(t time.Time, r round) bool {
	return t.After(v.bornTo.Add(r.lifetime+clockGrain)) || t.After(v.usedTo.Add(r.idle+clockGrain))
}
