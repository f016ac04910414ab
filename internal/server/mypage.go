package server

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
)

// recentActivity is how many events /mypage shows.
const recentActivity = 20

func (s *Server) mypage(w http.ResponseWriter, r *http.Request) error {
	mine := me(r)
	u, err := s.UserStore.ByID(r.Context(), mine.User)
	if err != nil {
		return err
	}
	sessions, err := s.Sessions.List(r.Context(), mine.User)
	if err != nil {
		return err
	}
	events, err := s.Audit.Recent(r.Context(), mine.User, recentActivity)
	if err != nil {
		return err
	}
	t := s.translator(r)
	page := MyPage{Base: s.signedInBase(r, "title_mypage", Section{MyPage: true}), Account: t.account(u)}
	page.Devices = t.deviceRows(sessions, mine.ID, page.Now)
	for _, e := range events {
		if e.Kind == audit.EveryoneEnded && e.At.Before(u.CreatedAt) {
			continue // not everyone then
		}
		page.Activity = append(page.Activity, t.activityRow(e, page.Now))
	}
	return s.views.render(w, http.StatusOK, "mypage", page)
}

// signedInBase is base with the message that the last POST left.
func (s *Server) signedInBase(r *http.Request, titleKey string, section Section) Base {
	b := s.base(r, s.translator(r).T(titleKey), section)
	b.Flash = s.flash(r)
	return b
}

// endMine ends one of the person's own sessions. Somebody else's, or one that
// is gone, is not theirs to end: the list shows what is left.
func (s *Server) endMine(w http.ResponseWriter, r *http.Request) error {
	id, err := session.ParseID(chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	flash := "flash_session_ended"
	_, err = s.endOwn(r, id)
	switch {
	case errors.Is(err, errNotFound):
		flash = "flash_session_gone"
	case err != nil:
		return err
	case id == me(r).ID:
		return s.loggedOut(w, r, session.Logout)
	}
	s.setFlash(r, true, s.translator(r).HTML(flash))
	return seeOther(w, "/mypage")
}

// endOwn ends the session of the person's that is called id. errNotFound if it
// is somebody else's or gone: nobody learns which.
func (s *Server) endOwn(r *http.Request, id session.ID) (session.Receipt, error) {
	mine := me(r)
	sessions, err := s.Sessions.List(r.Context(), mine.User)
	if err != nil {
		return session.Receipt{}, err
	}
	at := slices.IndexFunc(sessions, func(one session.Session) bool { return one.ID == id })
	if at < 0 {
		return session.Receipt{}, errNotFound
	}
	receipt, err := s.Sessions.End(r.Context(), []session.ID{id}, session.Why{Reason: session.Logout, Actor: mine.User})
	e := audit.Event{Kind: audit.SessionEnded, User: mine.User, Actor: mine.User, Detail: audit.Detail{Target: sessions[at].Name()}}
	if id == mine.ID {
		e.Kind, e.Detail = audit.Logout, audit.Detail{}
	}
	s.noteEnd(r, e, receipt, err)
	return receipt, err
}

// endOthers ends all the person's sessions but this one.
func (s *Server) endOthers(w http.ResponseWriter, r *http.Request) error {
	receipt, err := s.endAllOthers(r)
	if err != nil {
		return err
	}
	s.setFlash(r, true, s.translator(r).HTML("flash_others_ended", "Count", receipt.Ended))
	return seeOther(w, "/mypage")
}

// endAllOthers ends all the person's sessions but this one, however often.
func (s *Server) endAllOthers(r *http.Request) (session.Receipt, error) {
	mine := me(r)
	receipt, err := s.Sessions.EndUser(r.Context(), mine.User, mine.ID, session.Why{Reason: session.Logout, Actor: mine.User})
	if err != nil || receipt.Ended > 0 {
		s.noteEnd(r, audit.Event{Kind: audit.SessionsEnded, User: mine.User, Actor: mine.User}, receipt, err)
	}
	return receipt, err
}

// home leads to where the person belongs; /mypage asks the store, so that this
// does not have to.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	if s.cookies.Carried(r) {
		return seeOther(w, "/mypage")
	}
	return seeOther(w, "/login")
}
