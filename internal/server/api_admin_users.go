package server

import (
	"net/http"

	"gatehouse/internal/user"
)

// apiAdminUsers lists the accounts.
func (s *Server) apiAdminUsers(w http.ResponseWriter, r *http.Request) error {
	v, p, err := query(r, "", "q")
	if err != nil {
		return err
	}
	after, err := p.username()
	if err != nil {
		return err
	}
	// One more than asked for, to know whether there are more.
	found, total, err := s.UserStore.List(r.Context(), user.Query{Text: v.Get("q"), After: after, Limit: p.limit + 1})
	if err != nil {
		return err
	}
	list := apiUsers{Users: userViews(found[:min(len(found), p.limit)]), Total: total}
	if len(found) > p.limit {
		next := cursor(listUsers, found[p.limit-1].Username)
		list.Next = &next
	}
	return reply(w, http.StatusOK, list)
}

// reasonBody is the body of what needs nothing but, if wanted, a reason.
type reasonBody struct {
	Reason string `json:"reason,omitempty" max:"200"`
}

// apiForceOut puts out every session of one account.
func (s *Server) apiForceOut(w http.ResponseWriter, r *http.Request) error {
	var b reasonBody
	if err := decode(r, &b); err != nil {
		return err
	}
	u, err := s.target(r)
	if err != nil {
		return err
	}
	receipt, err := s.forceOut(r, u, b.Reason)
	if err != nil {
		return err
	}
	return s.apiForcedOut(w, r, u.ID == me(r).User, receipt)
}

// otherAndWhy reads a reasonBody and the account that it is about, which must not
// be the administrator's own.
func (s *Server) otherAndWhy(r *http.Request) (u user.User, reason string, err error) {
	var b reasonBody
	if err := decode(r, &b); err != nil {
		return user.User{}, "", err
	}
	u, err = s.other(r)
	return u, b.Reason, err
}

// apiDisable shuts an account and puts its sessions out.
func (s *Server) apiDisable(w http.ResponseWriter, r *http.Request) error {
	u, reason, err := s.otherAndWhy(r)
	if err != nil {
		return err
	}
	receipt, err := s.shut(r, u, reason)
	if err != nil {
		return err
	}
	return s.apiChanged(w, r, u, receipt.Ended)
}

// apiEnable opens an account again.
func (s *Server) apiEnable(w http.ResponseWriter, r *http.Request) error {
	u, reason, err := s.otherAndWhy(r)
	if err != nil {
		return err
	}
	if err := s.reopen(r, u, reason); err != nil {
		return err
	}
	return s.apiChanged(w, r, u, 0)
}

type roleBody struct {
	Role   string `json:"role"`
	Reason string `json:"reason,omitempty" max:"200"`
}

// apiRole makes an account an administrator's or a user's, and puts its sessions
// out.
func (s *Server) apiRole(w http.ResponseWriter, r *http.Request) error {
	var b roleBody
	if err := decode(r, &b); err != nil {
		return err
	}
	role, ok := user.ParseRole(b.Role)
	if !ok {
		return flaws{{member: "role", key: "role_wrong"}}
	}
	u, err := s.other(r)
	if err != nil {
		return err
	}
	_, receipt, err := s.giveRole(r, u, role, b.Reason)
	if err != nil {
		return err
	}
	return s.apiChanged(w, r, u, receipt.Ended)
}

// apiChanged answers with the account as it is now, and how many sessions its
// change has ended.
func (s *Server) apiChanged(w http.ResponseWriter, r *http.Request, u user.User, ended int) error {
	u, err := s.UserStore.ByID(r.Context(), u.ID)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		apiUser
		Ended int `json:"ended"`
	}{userViews([]user.User{u})[0], ended})
}
