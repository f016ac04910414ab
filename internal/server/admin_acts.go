package server

import (
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// What an administrator does to others, whether on a page or by a program. Each
// is noted in the audit log with the reason that was given for it.

// forceOutOne puts one session out. If it has ended already, the receipt says so.
func (s *Server) forceOutOne(r *http.Request, id session.ID, reason string) (session.Receipt, error) {
	one, _, err := s.find(r, id) // whose it is, for the audit log
	if err != nil {
		return session.Receipt{}, err
	}
	receipt, err := s.Sessions.End(r.Context(), []session.ID{id}, forcedBy(me(r).User))
	if one.User != "" {
		s.noteEnd(r, audit.Event{Kind: audit.SessionEnded, User: one.User, Actor: me(r).User, Note: reason,
			Detail: audit.Detail{Target: one.Name()}}, receipt, err)
	}
	return receipt, err
}

// forceOut puts out every session of one account.
func (s *Server) forceOut(r *http.Request, u user.User, reason string) (session.Receipt, error) {
	receipt, err := s.Sessions.EndUser(r.Context(), u.ID, "", forcedBy(me(r).User))
	s.noteEnd(r, audit.Event{Kind: audit.SessionsEnded, User: u.ID, Actor: me(r).User, Note: reason}, receipt, err)
	return receipt, err
}

// forceOutWhere puts out the sessions that f selects. session.ErrNoFilter,
// session.ErrFilterMix.
func (s *Server) forceOutWhere(r *http.Request, f session.Filter, reason string) (session.Receipt, error) {
	receipt, err := s.Sessions.EndWhere(r.Context(), f, forcedBy(me(r).User))
	if err == nil || receipt.Ended > 0 {
		e := audit.Event{Kind: audit.KindOfEnd(f.Everyone, len(f.IDs) == 1), Actor: me(r).User, Note: reason}
		for _, one := range audit.Ended(e, f.String(), receipt.Hit) {
			if one.User == "" || len(receipt.Hit) == 1 {
				s.noteEnd(r, one, receipt, err)
			} else {
				s.note(r, one)
			}
		}
	}
	return receipt, err
}

// shut closes an account and puts its sessions out. user.ErrLastAdmin.
func (s *Server) shut(r *http.Request, u user.User, reason string) (session.Receipt, error) {
	epoch, err := s.UserStore.Disable(r.Context(), u.ID, s.change(r))
	if err != nil {
		return session.Receipt{}, err
	}
	receipt, err := s.Sessions.EndUserAt(r.Context(), u.ID, epoch, "", session.Why{Reason: session.Disabled, Actor: me(r).User})
	s.noteEnd(r, audit.Event{Kind: audit.Disable, User: u.ID, Actor: me(r).User, Note: reason}, receipt, err)
	return receipt, err
}

// reopen lets an account log in again.
func (s *Server) reopen(r *http.Request, u user.User, reason string) error {
	if err := s.UserStore.Enable(r.Context(), u.ID, s.change(r)); err != nil {
		return err
	}
	s.note(r, audit.Event{Kind: audit.Enable, User: u.ID, Actor: me(r).User, Note: reason})
	return nil
}

// giveRole makes an account an administrator's or a user's, and puts its
// sessions out: they still carry the old role (I9). changed is false if it had
// the role already. user.ErrLastAdmin.
func (s *Server) giveRole(r *http.Request, u user.User, role user.Role, reason string) (changed bool, receipt session.Receipt, err error) {
	epoch, changed, err := s.UserStore.SetRole(r.Context(), u.ID, role, s.change(r))
	if err != nil {
		return false, session.Receipt{}, err
	}
	// Also when nothing changed: an earlier try may have changed the role and
	// then not reached the session store.
	receipt, err = s.Sessions.EndUserAt(r.Context(), u.ID, epoch, "", forcedBy(me(r).User))
	e := audit.Event{Kind: audit.SessionsEnded, User: u.ID, Actor: me(r).User, Note: reason}
	if changed {
		e.Kind, e.Detail = audit.RoleChange, audit.Detail{From: u.Role, To: role}
	}
	if changed || err != nil || receipt.Ended > 0 {
		s.noteEnd(r, e, receipt, err)
	}
	return changed, receipt, err
}

func (s *Server) change(r *http.Request) user.Change {
	return user.Change{Actor: me(r).User, At: s.Now()}
}
