//go:build faults

package faults

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/session"
)

const (
	cookieName = "__Host-session"
	liveAtOnce = 40                                            // sessions that the clients keep up
	nobody     = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // a session id that is nobody's
)

// client works until ctx ends. The first few log in, the next end; the rest, most
// of them, check and write.
func (w *world) client(ctx context.Context, r *rand.Rand, number int) {
	pause := time.Duration(10+r.IntN(20)) * time.Millisecond
	for ctx.Err() == nil {
		switch {
		case number < 2:
			if len(w.some(true)) < liveAtOnce {
				w.logIn(r, w.anyPerson(r))
			}
		case number < 5:
			w.end(r)
			time.Sleep(time.Duration(100+r.IntN(200)) * time.Millisecond)
		default:
			if v := pick(r, w.some(r.IntN(3) > 0)); v != nil {
				w.look(r, v)
			}
		}
		time.Sleep(pause)
	}
}

// anyPerson returns a user and now and then the administrator.
func (w *world) anyPerson(r *rand.Rand) *person {
	if r.IntN(5) == 0 {
		return w.admin
	}
	return w.users[r.IntN(len(w.users))]
}

func pick(r *rand.Rand, all []*visitor) *visitor {
	if len(all) == 0 {
		return nil
	}
	return all[r.IntN(len(all))]
}

// look checks or writes.
func (w *world) look(r *rand.Rand, v *visitor) {
	switch r.IntN(4) {
	case 0: // this page asks nothing but the session
		w.send(r, v, op{kind: check}, http.MethodGet, "/mypage/password", nil)
	case 1, 2:
		w.send(r, v, op{kind: check}, http.MethodGet, "/mypage", nil)
	default: // leaves a message in the session
		w.send(r, v, op{kind: write}, http.MethodPost, "/mypage/sessions/"+nobody+"/end", url.Values{})
	}
}

// end ends something in one of the many ways.
func (w *world) end(r *rand.Rand) {
	v := pick(r, w.some(true))
	if v == nil {
		return
	}
	switch n := r.IntN(20); {
	case n < 5:
		w.logOut(r, v)
	case n < 9:
		w.endListed(r, v, v.person, "/mypage/sessions/")
	case n < 14:
		if a := w.session(r, w.admin); a != nil {
			w.endListed(r, a, nil, "/admin/sessions/")
		}
	case n < 16:
		o := w.send(r, v, op{kind: endUser, user: v.person.name, keep: v.id}, http.MethodPost, "/mypage/sessions/end-others", url.Values{})
		w.allDied(o, v.person)
	case n < 18:
		if a := w.session(r, w.admin); a != nil && v.person != w.admin {
			path := "/admin/users/" + v.person.name + "/end-sessions"
			w.allDied(w.send(r, a, op{kind: endUser, user: v.person.name}, http.MethodPost, path, url.Values{}), v.person)
		}
	case n < 19:
		w.changePassword(r, v)
	default:
		if a := w.session(r, w.admin); a != nil && v.person != w.admin {
			v.person.Lock()
			defer v.person.Unlock()
			path := "/admin/users/" + v.person.name
			w.allDied(w.send(r, a, op{kind: disable, user: v.person.name}, http.MethodPost, path+"/disable", url.Values{}), v.person)
			for tries := 0; tries < 20; tries++ {
				if a := w.session(r, w.admin); a != nil &&
					w.send(r, a, op{kind: write}, http.MethodPost, path+"/enable", url.Values{}).outcome == ok {
					break
				}
				time.Sleep(200 * time.Millisecond)
			}
		}
	}
}

// logOut ends v. It is answered with a log-in page whether the session was alive or
// not, so the answer says nothing about that.
func (w *world) logOut(r *rand.Rand, v *visitor) op {
	o, _ := w.request(r, v, op{kind: endOne, target: v.id}, http.MethodPost, "/logout", url.Values{})
	o.session = ""
	w.history.add(o)
	if o.outcome == ok {
		w.died(v)
	}
	return o
}

// session returns a live session of p, if there is one.
func (w *world) session(r *rand.Rand, p *person) *visitor {
	var of []*visitor
	for _, v := range w.some(true) {
		if v.person == p {
			of = append(of, v)
		}
	}
	return pick(r, of)
}

// endListed ends a session of whom, or anybody's, as v.
func (w *world) endListed(r *rand.Rand, v *visitor, whom *person, path string) {
	target := pick(r, w.some(true))
	if whom != nil {
		target = w.session(r, whom)
	}
	if target == nil || target == v {
		return
	}
	o := w.send(r, v, op{kind: endOne, target: target.id}, http.MethodPost, path+target.id+"/end", url.Values{"reason": {"test"}})
	if o.outcome == ok {
		w.died(target)
	}
}

func (w *world) allDied(o op, p *person) {
	if o.outcome != ok {
		return
	}
	for _, v := range w.some(true) {
		if v.person == p && v.id != o.keep && v.id != o.became {
			w.died(v)
		}
	}
}

func (w *world) changePassword(r *rand.Rand, v *visitor) {
	p := v.person
	p.Lock()
	defer p.Unlock()
	form := url.Values{"current": {p.passwords[0]}, "password": {p.passwords[1]}}
	o, answer := w.request(r, v, op{kind: password, user: p.name}, http.MethodPost, "/mypage/password", form)
	if token := tokenOf(answer); o.outcome == ok && token != "" {
		o.became = string(session.IDOf(token))
		w.born(&visitor{id: o.became, token: token, person: p})
		p.passwords[0], p.passwords[1] = p.passwords[1], p.passwords[0]
	}
	w.history.add(o)
	w.allDied(o, p)
}

// logIn tries the passwords that the account may have.
func (w *world) logIn(r *rand.Rand, p *person) {
	p.Lock()
	defer p.Unlock()
	for i, word := range p.passwords {
		o, answer := w.request(r, nil, op{kind: login, user: p.name}, http.MethodPost, "/login", url.Values{"username": {p.name}, "password": {word}})
		token := tokenOf(answer)
		if o.outcome == ok && token != "" {
			o.session = string(session.IDOf(token))
			w.born(&visitor{id: o.session, token: token, person: p})
			p.passwords[0], p.passwords[i] = p.passwords[i], p.passwords[0]
		}
		w.history.add(o)
		if answer == nil || answer.StatusCode != http.StatusUnauthorized {
			return
		}
	}
}

func tokenOf(answer *http.Response) string {
	if answer == nil {
		return ""
	}
	for _, c := range answer.Cookies() {
		if c.Name == cookieName {
			return c.Value
		}
	}
	return ""
}

// send sends a request with the session of v and records it.
func (w *world) send(r *rand.Rand, v *visitor, o op, method, path string, form url.Values) op {
	o, _ = w.request(r, v, o, method, path, form)
	w.history.add(o)
	if o.outcome == ended {
		w.died(v)
	}
	return o
}

// request sends a request to any node and reads its answer.
func (w *world) request(r *rand.Rand, v *visitor, o op, method, path string, form url.Values) (op, *http.Response) {
	o.node = r.IntN(len(w.nodes))
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, w.nodes[o.node].at()+path, body)
	if err != nil {
		panic(err) // a path of ours
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if v != nil {
		o.session = v.id
		req.AddCookie(&http.Cookie{Name: cookieName, Value: v.token})
	}
	o.begin = w.history.now()
	answer, err := w.http.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	o.end = w.history.now()
	if err != nil {
		o.outcome = unknown
		return o, nil
	}
	to := answer.Header.Get("Location")
	o.note = answer.Status + " " + to
	switch {
	case answer.StatusCode == http.StatusServiceUnavailable:
		o.outcome = unavailable
	case o.kind == endOne && path == "/logout" && answer.StatusCode == http.StatusSeeOther:
		o.outcome = ok // it leads to the log-in page because it has done its work
	case strings.HasPrefix(to, "/login"):
		o.outcome = ended
	case answer.StatusCode < 400:
		o.outcome = ok
	default:
		o.outcome = refused
	}
	return o, answer
}
