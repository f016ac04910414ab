package server

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// adminPageSize is how many rows an administrator's list shows at a time.
const adminPageSize = 25

func (s *Server) admin(w http.ResponseWriter, _ *http.Request) error {
	return seeOther(w, "/admin/sessions")
}

// adminSessions shows who is in.
func (s *Server) adminSessions(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	q.Del("page")
	f, err := s.sessionFilter(r, q)
	if err != nil {
		return s.refusedFilter(w, r, q, err)
	}
	return s.sessionsPage(w, r, http.StatusOK, f, q, nil)
}

// sessionsPage shows the sessions that f selects; q is f as it was typed.
func (s *Server) sessionsPage(w http.ResponseWriter, r *http.Request, status int, f session.Filter, q url.Values, errs map[string]string) error {
	found, err := s.Sessions.Search(r.Context(), f, pageNumber(r), adminPageSize)
	if err != nil {
		return err
	}
	p := s.emptySessionsPage(r, q, errs)
	t, mine := s.translator(r), me(r).ID
	p.Rows = make([]SessionRow, len(found.Sessions))
	for i, one := range found.Sessions {
		p.Rows[i] = t.sessionRow(one, mine, p.Now)
	}
	p.Total, p.Users, p.Stopped = found.Total, found.Users, found.Stopped
	p.Pager = pagerWith("/admin/sessions", typed(q), found.Number, found.Pages)
	if p.Filtered = !f.Empty(); p.Filtered {
		p.EndURL = "/admin/sessions/end?" + typed(q).Encode()
	}
	return s.views.render(w, status, "admin_sessions", p)
}

// confirmEndSession asks before ending one session.
func (s *Server) confirmEndSession(w http.ResponseWriter, r *http.Request) error {
	one, gone, err := s.lookUp(r)
	if err != nil {
		return err
	}
	t := s.translator(r)
	if gone {
		s.setFlash(r, true, t.HTML("flash_session_gone"))
		return seeOther(w, "/admin/sessions")
	}
	return s.views.render(w, http.StatusOK, "confirm", ConfirmPage{
		Base:     s.signedInBase(r, "confirm_end_session_title", Section{AdminSessions: true}),
		Question: t.HTML("confirm_end_session", "Who", one.Username),
		Details: []Detail{
			{t.T("device"), t.device(one)},
			{"IP", cmp.Or(ip(one.IP), t.T("none"))},
		},
		Action: "/admin/sessions/" + string(one.ID) + "/end",
		Verb:   t.T("confirm_end_session_verb"),
		Cancel: "/admin/sessions",
		AskWhy: true,
		Self:   one.ID == me(r).ID,
	})
}

// endSession puts one session out, at once.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	id, err := session.ParseID(chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	receipt, err := s.forceOutOne(r, id, reasonText(r))
	if err != nil {
		return err
	}
	s.flashReceipt(r, receipt)
	return seeOther(w, "/admin/sessions")
}

// lookUp returns the session that the path names, or that it is gone.
func (s *Server) lookUp(r *http.Request) (one session.Session, gone bool, err error) {
	id, err := session.ParseID(chi.URLParam(r, "id"))
	if err != nil {
		return session.Session{}, false, err
	}
	return s.find(r, id)
}

// find returns the session called id, or that it is gone.
func (s *Server) find(r *http.Request, id session.ID) (one session.Session, gone bool, err error) {
	one, err = s.Sessions.Check(r.Context(), id)
	var ended *session.EndedError
	if errors.As(err, &ended) {
		return session.Session{}, true, nil
	}
	return one, false, err
}

func forcedBy(admin user.ID) session.Why { return session.Why{Reason: session.Forced, Actor: admin} }

// reasonText returns the optional reason from the form, for the audit log.
func reasonText(r *http.Request) string {
	text := []rune(r.PostForm.Get("reason"))
	return string(text[:min(len(text), audit.MaxNote)])
}

// flashReceipt keeps what an end has done for the next page.
func (s *Server) flashReceipt(r *http.Request, receipt session.Receipt) {
	s.flashConfirmed(r, "flash_admin_receipt", receipt)
}

// flashConfirmed keeps the receipt, once the nodes have confirmed it, in the
// text of key.
func (s *Server) flashConfirmed(r *http.Request, key string, receipt session.Receipt) {
	t := s.translator(r)
	receipt = s.Sessions.Confirm(r.Context(), receipt)
	s.setFlash(r, true, t.HTML(key,
		"Ended", receipt.Ended, "Gone", receipt.Gone, "Users", t.T("count_users", "Count", receipt.Users),
		"Nodes", t.T("receipt_nodes", "Count", receipt.Nodes.Live, "Confirmed", receipt.Nodes.Confirmed),
		"Ms", receipt.Took.Milliseconds()))
}

func pageNumber(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		return 1
	}
	return max(1, n)
}

// pager links a page of a list to its neighbours.
func pager(path, q string, number, pages int) Pager {
	v := url.Values{}
	if q != "" {
		v.Set("q", q)
	}
	return pagerWith(path, v, number, pages)
}

// pagerWith is pager for a list with more to search by; it keeps query.
func pagerWith(path string, query url.Values, number, pages int) Pager {
	link := func(n int) string {
		if n < 1 || n > pages {
			return ""
		}
		v := maps.Clone(query)
		v.Set("page", strconv.Itoa(n))
		return path + "?" + v.Encode()
	}
	return Pager{Page: number, Pages: pages, PrevURL: link(number - 1), NextURL: link(number + 1)}
}
