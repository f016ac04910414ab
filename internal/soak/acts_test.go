package soak

import (
	crand "crypto/rand"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// usedUp is what /api/v1 answers to an access token that does not count any more.
const usedUp = "/problems/access-token"

// stale reports whether a was refused because the access token has run out, which
// says nothing of the session.
func (v *visitor) stale(a answer) bool {
	return v.bearer() && a.body.Type == usedUp && !a.answered.Before(v.tokenTo)
}

// give takes over the tokens in an answer.
func (v *visitor) give(a answer) {
	if a.body.AccessToken == "" {
		v.carrier = byCookie(a.cookie)
		return
	}
	v.carrier, v.refresh = byBearer(a.body.AccessToken), a.body.RefreshToken
	v.tokenTo = a.began.Add(time.Duration(a.body.ExpiresIn)*time.Second - 2*time.Second) // ends on whole seconds
}

// logIn logs in. One in four is left alone from then on, to expire unused.
func (w *worker) logIn(of *account, bearer bool) {
	body := map[string]string{"username": of.name, "password": of.passwords[0]}
	if bearer {
		body["carrier"], body["client"] = "bearer", "soak"
	}
	a := w.send(http.MethodPost, "/api/v1/login", carrier{}, body)
	if a.status == http.StatusUnauthorized && of.unsure { // a change was not answered
		of.passwords[0], of.passwords[1] = of.passwords[1], of.passwords[0]
		body["password"] = of.passwords[0]
		a = w.send(http.MethodPost, "/api/v1/login", carrier{}, body)
	}
	switch {
	case a.unknown():
		return
	case !a.ok():
		w.tally.complain("log-in: %d %s", a.status, a.body.Type)
		return
	}
	of.unsure = false
	v := &visitor{account: of, id: a.body.SessionID, bornFrom: a.began, bornTo: a.answered, usedFrom: a.began, usedTo: a.answered,
		left: rand.IntN(4) == 0}
	v.give(a)
	w.born(v)
}

func (w *worker) signUp() {
	name := "new" + strings.ToLower(crand.Text()[:20])
	a := w.send(http.MethodPost, "/api/v1/signup", carrier{}, map[string]string{"username": name, "password": passwords[0]})
	if !a.unknown() && a.status != http.StatusCreated {
		w.tally.complain("sign-up: %d %s", a.status, a.body.Type)
	}
}

// check asks who is signed in, now and then with the whole page.
func (w *worker) check(v *visitor) {
	path := "/api/v1/me"
	if !v.bearer() && rand.IntN(10) == 0 {
		path = "/mypage"
	}
	a := w.send(http.MethodGet, path, v.carrier, nil)
	if w.judge(v, "check", a); !v.ended && v.stale(a) {
		w.refreshOne(v)
	}
}

// checkEnded shows what has to be refused.
func (w *worker) checkEnded() {
	if len(w.ended) > 0 {
		w.refuse(pick(w.ended))
	}
}

func (w *worker) refuse(v *visitor) {
	if v.bearer() && rand.IntN(2) == 0 {
		w.judge(v, "refresh", w.send(http.MethodPost, "/api/v1/refresh", carrier{}, map[string]string{"refresh_token": v.refresh}))
		return
	}
	w.judge(v, "check", w.send(http.MethodGet, "/api/v1/me", v.carrier, nil))
}

// checkOld checks a session from the beginning.
func (w *worker) checkOld() { w.checkToken(rand.IntN(len(w.tokens))) }

func (w *worker) checkToken(i int) {
	var of *crowd
	if n := i / perUser; n < len(w.stand.crowds) {
		of = w.stand.crowds[n]
	}
	before := of != nil && of.outside.Load() != 0
	a := w.send(http.MethodGet, "/api/v1/me", byCookie(w.tokens[i]), nil)
	begun := of != nil && of.begins.Load() != 0
	switch {
	case a.unknown():
	case a.ok() && before:
		w.tally.complain("check: a session from the beginning was accepted after the end of its user")
	case !a.ok() && !begun:
		w.tally.complain("check: a session from the beginning was refused: %d %s %s", a.status, a.body.Type, a.body.Reason)
	}
}

// refreshOne brings a bearer session new tokens.
func (w *worker) refreshOne(v *visitor) {
	if !v.bearer() {
		w.check(v)
		return
	}
	a := w.send(http.MethodPost, "/api/v1/refresh", carrier{}, map[string]string{"refresh_token": v.refresh})
	if a.unknown() {
		w.lost(v) // it would have to be shown again within seconds
		return
	}
	spent := v.refresh
	if w.judge(v, "refresh", a) {
		v.give(a)
		v.spent, v.older = spent, v.spent
	}
}

// reuse shows a refresh token that was spent two refreshes ago.
func (w *worker) reuse(v *visitor) {
	if v.older == "" {
		w.check(v)
		return
	}
	a := w.send(http.MethodPost, "/api/v1/refresh", carrier{}, map[string]string{"refresh_token": v.older})
	switch {
	case a.unknown():
		w.lost(v)
	case a.ok():
		w.tally.complain("a spent refresh token was accepted")
	default:
		w.died(v)
	}
}

func (w *worker) list(v *visitor) {
	if w.ready(v) {
		w.judge(v, "list", w.send(http.MethodGet, "/api/v1/sessions", v.carrier, nil))
	}
}

// ready sees to it that the access token of v counts, and reports whether v is
// there.
func (w *worker) ready(v *visitor) bool {
	if v.bearer() && !time.Now().Before(v.tokenTo) {
		w.refreshOne(v)
	}
	return v.here()
}

func (w *worker) logOut(v *visitor) {
	if !w.ready(v) {
		return
	}
	switch a := w.send(http.MethodPost, "/api/v1/logout", v.carrier, nil); {
	case a.unknown():
		w.lost(v)
	case a.ok():
		w.died(v)
	case !v.stale(a):
		w.tally.complain("log-out: %d %s", a.status, a.body.Type)
	}
}

// endOne ends another session of the same account.
func (w *worker) endOne(v *visitor) {
	other := pick(v.account.live)
	if other == v || !w.ready(v) || !other.here() {
		return
	}
	a := w.send(http.MethodDelete, "/api/v1/sessions/"+other.id, v.carrier, nil)
	if w.judge(v, "end of another device", a) {
		w.died(other)
	} else if a.unknown() {
		w.lost(other)
	}
}

func (w *worker) endOthers(v *visitor) {
	if !w.ready(v) {
		return
	}
	a := w.send(http.MethodPost, "/api/v1/sessions/end-others", v.carrier, nil)
	w.all(v.account, v, a, w.judge(v, "end of all other devices", a))
}

// all notes what became of the sessions of an account, but for keep, by an answer.
func (w *worker) all(of *account, keep *visitor, a answer, done bool) {
	for _, v := range slices.Clone(of.live) {
		switch {
		case v == keep:
		case done:
			w.died(v)
		case a.unknown():
			w.lost(v)
		}
	}
}

func (w *worker) force(v *visitor) {
	a := w.send(http.MethodDelete, "/api/v1/admin/sessions/"+v.id, w.admin, nil)
	switch {
	case a.unknown():
		w.lost(v)
	case a.ok():
		w.died(v)
	default:
		w.tally.complain("forced end: %d %s", a.status, a.body.Type)
	}
}

func (w *worker) forceUser(v *visitor) {
	a := w.send(http.MethodPost, "/api/v1/admin/users/"+v.account.name+"/end-sessions", w.admin, nil)
	if !a.unknown() && !a.ok() {
		w.tally.complain("forced end of a user: %d %s", a.status, a.body.Type)
	}
	w.all(v.account, nil, a, a.ok())
}

// forceCrowd puts out a user who has been there from the beginning. Their
// tombstones stay for hours, so it is done seldom.
func (w *worker) forceCrowd() {
	if len(w.crowds) == 0 {
		return
	}
	c := w.crowds[0]
	w.crowds = w.crowds[1:]
	c.begins.Store(time.Now().UnixNano())
	a := w.send(http.MethodPost, "/api/v1/admin/users/"+c.name+"/end-sessions", w.admin, nil)
	switch {
	case a.unknown():
	case !a.ok():
		w.tally.complain("forced end of a user with many devices: %d %s", a.status, a.body.Type)
	default:
		c.outside.Store(time.Now().UnixNano())
		if want := c.after - c.first; a.body.Ended != want {
			w.tally.complain("forced end of a user with many devices: %d ended, want %d", a.body.Ended, want)
		}
	}
	w.live.Add(int64(c.first - c.after))
}

// changePassword ends the others, and v goes on under another id.
func (w *worker) changePassword(v *visitor) {
	if !w.ready(v) {
		return
	}
	of := v.account
	a := w.send(http.MethodPost, "/api/v1/password", v.carrier, map[string]string{"current": of.passwords[0], "password": of.passwords[1]})
	if !w.judge(v, "change of password", a) {
		if a.unknown() {
			of.unsure = true
			w.all(of, nil, a, false)
		}
		return
	}
	of.passwords[0], of.passwords[1] = of.passwords[1], of.passwords[0]
	next := &visitor{account: of, id: a.body.SessionID, bornFrom: v.bornFrom, bornTo: v.bornTo, usedFrom: a.began, usedTo: a.answered}
	next.give(a)
	w.all(of, nil, a, true)
	w.born(next)
}
