package server

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// AtLimit says what becomes of a log-in of somebody who has as many sessions as
// they may.
type AtLimit string

// What can become of it. Anything else counts as Choose.
const (
	Choose        AtLimit = "choose"  // the person says which device to log out
	ReplaceOldest AtLimit = "replace" // the device seen longest ago is logged out
	Deny          AtLimit = "deny"    // it is refused
)

func (a AtLimit) asks() bool { return a != ReplaceOldest && a != Deny }

// askWhichToEnd shows the person's devices. As many as have to go are selected,
// those seen longest ago.
func (s *Server) askWhichToEnd(w http.ResponseWriter, r *http.Request, t ticket) error {
	return s.limitPage(w, r, http.StatusConflict, t, "")
}

func (s *Server) limitPage(w http.ResponseWriter, r *http.Request, status int, t ticket, problem string) error {
	sealed, err := s.issue(r.Context(), t)
	if err != nil {
		return err
	}
	list, err := s.Sessions.List(r.Context(), t.User)
	if err != nil {
		return err
	}
	f := t.form()
	page := LimitPage{
		Base:   s.base(r, s.translator(r).T("title_limit"), Section{}),
		Ticket: sealed,
		Limit:  s.Sessions.Limits().PerUser,
		Cancel: loginURL(f.next, ""),
	}
	page.Path = page.Cancel
	if problem != "" {
		page.Form.Errors = map[string]string{"": problem}
	}
	for i, row := range s.translator(r).deviceRows(list, "", page.Now) {
		page.Devices = append(page.Devices, LimitRow{DeviceRow: row, Selected: i >= page.Limit-1})
	}
	return s.views.render(w, status, "limit", page)
}

// loginByTicket goes on with the log-in at which the person was asked.
func (s *Server) loginByTicket(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	chosen := r.PostForm["end"]
	t, _, err := s.resumeLogin(w, r, r.PostForm.Get("ticket"), chosen)
	switch {
	case errors.Is(err, session.ErrLimit) && len(chosen) == 0:
		return s.limitPage(w, r, http.StatusUnprocessableEntity, t, s.translator(r).T("limit_choose"))
	case errors.Is(err, session.ErrLimit):
		return s.limitPage(w, r, http.StatusConflict, t, s.translator(r).T("limit_again"))
	case err != nil:
		return s.refusedLogin(w, r, t.form(), err)
	}
	return seeOther(w, t.form().after())
}

// resumeLogin ends the devices that the person has chosen, by session id, and
// goes on with the log-in that the sealed ticket stands for. Nothing is ended
// for a ticket that could not log in any more. errTicket, session.ErrEpoch,
// *tooManyError; session.ErrLimit if there is still no room: then t serves to
// ask once more.
func (s *Server) resumeLogin(w http.ResponseWriter, r *http.Request, sealed string, chosen []string) (t ticket, in loggedIn, err error) {
	defer func() { s.observeLogIn(t.Carrier, err) }()
	if t, err = s.open(sealed); err != nil {
		return t, in, err
	}
	f := t.form()
	if f.carrier == session.Bearer && !isAPI(r) {
		return t, in, errTicket // a page has no use for tokens
	}
	if many := s.takeLogin(r, f.login); many != nil {
		s.afterwards(r, func(r *http.Request) { s.noteLimitedLogin(r, f.login, many) })
		return t, in, s.linger(r, many)
	}
	if in.user, err = s.ticketHolder(r, sealed, t); err != nil {
		return t, in, err
	}
	if err = s.endChosen(r, in.user, chosen); err != nil {
		return t, in, err
	}
	in.tokens, err = s.startLogin(w, r, in.user, f)
	return t, in, err
}

// ticketHolder uses the sealed ticket, which says t, up and returns the account that it opens, as it
// was read before the password check. errTicket, session.ErrEpoch.
func (s *Server) ticketHolder(r *http.Request, sealed string, t ticket) (user.User, error) {
	switch issued, err := s.Tickets.Use(r.Context(), sha256.Sum256([]byte(sealed)), s.Now()); {
	case err != nil:
		return user.User{}, err
	case !issued:
		return user.User{}, errTicket
	}
	u, err := s.UserStore.ByID(r.Context(), t.User)
	if errors.Is(err, user.ErrNotFound) || err == nil && (u.Disabled() || t.Epoch.Before(u.Epoch)) {
		return user.User{}, session.ErrEpoch
	}
	return u, err // if its epoch is raised from here on, the store finds that out
}

// endChosen ends those of the sessions called chosen that are u's own.
func (s *Server) endChosen(r *http.Request, u user.User, chosen []string) error {
	list, err := s.Sessions.List(r.Context(), u.ID)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(one session.Session) bool {
		return !slices.Contains(chosen, string(one.ID))
	})
	ids := make([]session.ID, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	_, err = s.Sessions.End(r.Context(), ids, session.Why{Reason: session.Replaced, Actor: u.ID})
	for _, one := range list {
		s.noteRoom(r, u.ID, one, audit.RoomChosen, err)
	}
	return err
}
