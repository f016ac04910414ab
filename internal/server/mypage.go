package server

import (
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
	page := MyPage{
		Base:    s.signedInBase(r, "title_mypage", "mypage"),
		User:    u,
		Devices: deviceRows(sessions, mine.ID),
	}
	for _, e := range events {
		if e.Kind == audit.RoleChange {
			e.Note = s.translator(r).T("role_" + e.Note)
		}
		// Whoever typed a wrong password is nobody, and no administrator.
		byOther := e.Actor != mine.User && e.Kind != audit.LoginFailed
		page.Activity = append(page.Activity, ActivityRow{Event: e, ByOther: byOther})
	}
	return s.views.render(w, http.StatusOK, "mypage", page)
}

// signedInBase is base with the message that the last POST left.
func (s *Server) signedInBase(r *http.Request, titleKey, section string) Base {
	b := s.base(r, s.translator(r).T(titleKey), section)
	b.Flash = s.flash(r)
	return b
}

// deviceRows returns sessions as rows, the current one first.
func deviceRows(sessions []session.Session, current session.ID) []DeviceRow {
	rows := make([]DeviceRow, 0, len(sessions))
	for _, one := range sessions {
		row := DeviceRow{Session: one, Current: one.ID == current, Icon: deviceIcon(one.Device)}
		if row.Current {
			rows = slices.Insert(rows, 0, row)
		} else {
			rows = append(rows, row)
		}
	}
	return rows
}

// endMine ends one of the person's own sessions. Somebody else's, or one that
// is gone, is not theirs to end: the list shows what is left.
func (s *Server) endMine(w http.ResponseWriter, r *http.Request) error {
	id, err := session.ParseID(chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	mine := me(r)
	sessions, err := s.Sessions.List(r.Context(), mine.User)
	if err != nil {
		return err
	}
	t := s.translator(r)
	at := slices.IndexFunc(sessions, func(one session.Session) bool { return one.ID == id })
	if at < 0 {
		s.setFlash(r, true, t.HTML("flash_session_gone"))
		return seeOther(w, "/mypage")
	}
	if _, err := s.Sessions.End(r.Context(), []session.ID{id}, session.Why{Reason: session.Logout, Actor: mine.User}); err != nil {
		return err
	}
	if id == mine.ID {
		s.note(r, audit.Event{Kind: audit.Logout, User: mine.User, Actor: mine.User})
		return s.loggedOut(w, r, session.Logout)
	}
	s.note(r, audit.Event{Kind: audit.SessionEnded, User: mine.User, Actor: mine.User, Note: sessions[at].Device.String()})
	s.setFlash(r, true, t.HTML("flash_session_ended"))
	return seeOther(w, "/mypage")
}

// endOthers ends all the person's sessions but this one, however often.
func (s *Server) endOthers(w http.ResponseWriter, r *http.Request) error {
	mine := me(r)
	receipt, err := s.Sessions.EndUser(r.Context(), mine.User, mine.ID, session.Why{Reason: session.Logout, Actor: mine.User})
	if err != nil {
		return err
	}
	s.note(r, audit.Event{Kind: audit.SessionsEnded, User: mine.User, Actor: mine.User})
	s.setFlash(r, true, s.translator(r).HTML("flash_others_ended", "Count", receipt.Ended))
	return seeOther(w, "/mypage")
}

// home leads to where the person belongs; /mypage asks the store, so that this
// does not have to.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	if s.cookies.Carried(r) {
		return seeOther(w, "/mypage")
	}
	return seeOther(w, "/login")
}
