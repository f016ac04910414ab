package server

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/user"
)

// adminUsers shows the accounts.
func (s *Server) adminUsers(w http.ResponseWriter, r *http.Request) error {
	q, number := r.URL.Query().Get("q"), min(pageNumber(r), 1_000_000)
	found, total, err := s.UserStore.List(r.Context(), user.Query{Text: q, Offset: (number - 1) * adminPageSize, Limit: adminPageSize})
	if err != nil {
		return err
	}
	pages := max(1, (total+adminPageSize-1)/adminPageSize)
	if number > pages {
		return seeOther(w, pager("/admin/users", q, pages+1, pages).PrevURL)
	}
	rows := make([]UserRow, len(found))
	for i, u := range found {
		rows[i] = UserRow{User: u, Self: u.ID == me(r).User}
	}
	return s.views.render(w, http.StatusOK, "admin_users", AdminUsersPage{
		Base:  s.signedInBase(r, "title_admin_users", Section{AdminUsers: true}),
		Query: q,
		Rows:  rows,
		Total: total,
		Pager: pager("/admin/users", q, number, pages),
	})
}

// target returns the account that the path names.
func (s *Server) target(r *http.Request) (user.User, error) {
	return s.UserStore.ByLogin(r.Context(), chi.URLParam(r, "username"))
}

// confirmUserAction asks before something is done to an account.
func (s *Server) confirmUserAction(w http.ResponseWriter, r *http.Request) error {
	u, err := s.target(r)
	if err != nil {
		return err
	}
	action := chi.URLParam(r, "action")
	key, hidden := "confirm_"+action, map[string]string(nil)
	switch action {
	case "end-sessions":
		key = "confirm_end_user"
	case "disable", "enable":
	case "role":
		role, ok := user.ParseRole(r.URL.Query().Get("role"))
		if !ok {
			return errNotFound
		}
		key, hidden = "confirm_role_"+string(role), map[string]string{"role": string(role)}
	default:
		return errNotFound
	}
	t := s.translator(r)
	return s.views.render(w, http.StatusOK, "confirm", ConfirmPage{
		Base:     s.signedInBase(r, key+"_title", Section{AdminUsers: true}),
		Question: t.HTML(key, "Who", u.Username),
		Action:   "/admin/users/" + url.PathEscape(u.Username) + "/" + action,
		Hidden:   hidden,
		Verb:     t.T(key + "_verb"),
		Cancel:   "/admin/users",
		AskWhy:   true,
		Mild:     action == "enable",
		Self:     u.ID == me(r).User,
	})
}

// endUserSessions puts out every session of one account.
func (s *Server) endUserSessions(w http.ResponseWriter, r *http.Request) error {
	u, err := s.formTarget(r)
	if err != nil {
		return err
	}
	receipt, err := s.forceOut(r, u, reasonText(r))
	if err != nil {
		return err
	}
	s.flashReceipt(r, receipt)
	return seeOther(w, "/admin/users")
}

// disableUser shuts an account and puts its sessions out.
func (s *Server) disableUser(w http.ResponseWriter, r *http.Request) error {
	u, err := s.otherTarget(r)
	if err != nil {
		return err
	}
	receipt, err := s.shut(r, u, reasonText(r))
	if err != nil {
		return err
	}
	return s.doneTo(w, r, u, "flash_user_disabled", "Count", receipt.Ended)
}

// enableUser opens an account again.
func (s *Server) enableUser(w http.ResponseWriter, r *http.Request) error {
	u, err := s.otherTarget(r)
	if err != nil {
		return err
	}
	if err := s.reopen(r, u, reasonText(r)); err != nil {
		return err
	}
	return s.doneTo(w, r, u, "flash_user_enabled")
}

// setRole makes an account an administrator's or a user's, and puts its
// sessions out.
func (s *Server) setRole(w http.ResponseWriter, r *http.Request) error {
	u, err := s.otherTarget(r)
	if err != nil {
		return err
	}
	role, ok := user.ParseRole(r.PostForm.Get("role"))
	if !ok {
		return errBadForm
	}
	changed, receipt, err := s.giveRole(r, u, role, reasonText(r))
	if err != nil {
		return err
	}
	if !changed {
		return s.doneTo(w, r, u, "flash_user_unchanged")
	}
	return s.doneTo(w, r, u, "flash_user_role_changed", "Count", receipt.Ended)
}

// formTarget reads the form and the account that it is about.
func (s *Server) formTarget(r *http.Request) (user.User, error) {
	if err := form(r); err != nil {
		return user.User{}, err
	}
	return s.target(r)
}

// otherTarget is formTarget for what administrators may not do to themselves.
func (s *Server) otherTarget(r *http.Request) (user.User, error) {
	if err := form(r); err != nil {
		return user.User{}, err
	}
	return s.other(r)
}

// other is target for what administrators may not do to themselves: nobody
// locks himself out by a slip. errSelf.
func (s *Server) other(r *http.Request) (user.User, error) {
	u, err := s.target(r)
	if err == nil && u.ID == me(r).User {
		err = errSelf
	}
	return u, err
}

// doneTo says what was done to u and leads back to the list.
func (s *Server) doneTo(w http.ResponseWriter, r *http.Request, u user.User, key string, args ...any) error {
	s.setFlash(r, true, s.translator(r).HTML(key, append([]any{"Who", u.Username}, args...)...))
	return seeOther(w, "/admin/users")
}
