package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// patience is how long the answer to an end of very many sessions may take, or a
// part of a list for which all have to be read; other answers have less.
const patience = 10 * time.Minute

// patient lets a request take that long.
func (s *Server) patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The socket goes by the real clock. Where there is none (a test),
		// there is no deadline to move.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
		next.ServeHTTP(w, r)
	})
}

// Form fields beside those of the filter.
const (
	fieldIDs      = "ids"
	fieldEveryone = "everyone"
)

// sessionFilter reads what is searched for, or is to be ended, from a query or
// a form. Wrong input is session.BadFilter.
func (s *Server) sessionFilter(r *http.Request, v url.Values) (session.Filter, error) {
	fields, bad := map[string]string{}, session.BadFilter{}
	for name, values := range v {
		switch {
		case name == fieldIDs || name == fieldEveryone:
		case len(values) != 1:
			bad[name] = strings.Join(values, ", ")
		default:
			fields[name] = values[0]
		}
	}
	if len(bad) > 0 {
		return session.Filter{}, bad
	}
	f, err := session.ParseFilter(fields, func(name string) (user.ID, error) {
		key, ok := user.LoginKey(name)
		if !ok {
			return "", user.ErrNotFound
		}
		u, err := s.UserStore.ByLogin(r.Context(), key)
		return u.ID, err
	})
	if err != nil {
		return session.Filter{}, err
	}
	for _, text := range v[fieldIDs] {
		if _, err := session.ParseID(text); err != nil {
			return session.Filter{}, session.BadFilter{fieldIDs: text}
		}
	}
	f.IDs, err = session.ParseIDs(v[fieldIDs])
	if f.Everyone = v.Get(fieldEveryone) == "yes"; !f.Everyone && v.Get(fieldEveryone) != "" {
		return session.Filter{}, session.BadFilter{fieldEveryone: v.Get(fieldEveryone)}
	}
	return f, err
}

// typed returns the filter fields of v that are not empty, for links.
func typed(v url.Values) url.Values {
	kept := url.Values{}
	for _, name := range session.FilterFields() {
		if value := strings.TrimSpace(v.Get(name)); value != "" {
			kept.Set(name, value)
		}
	}
	return kept
}

// refusedFilter answers a filter that cannot be understood, or by which nothing
// may be ended: the list's form with what was typed.
func (s *Server) refusedFilter(w http.ResponseWriter, r *http.Request, v url.Values, err error) error {
	t := s.translator(r)
	var bad session.BadFilter
	switch {
	case errors.Is(err, session.ErrNoFilter):
		errs := map[string]string{"": t.T("end_none_selected")}
		return s.sessionsPage(w, r, http.StatusUnprocessableEntity, session.Filter{}, url.Values{}, errs)
	case errors.Is(err, session.ErrFilterMix):
		return s.views.render(w, http.StatusUnprocessableEntity, "admin_sessions",
			s.emptySessionsPage(r, v, map[string]string{"": t.T("filter_mix")}))
	case errors.As(err, &bad):
		return s.views.render(w, http.StatusUnprocessableEntity, "admin_sessions", s.emptySessionsPage(r, v, t.badFilter(bad)))
	}
	return err
}

// badFilter returns a sentence for each field; what has no field on the page is
// said above it.
func (t *translator) badFilter(bad session.BadFilter) map[string]string {
	errs := map[string]string{}
	for name, value := range bad {
		switch {
		case name == fieldIDs || name == session.FieldCarrier:
			errs[""] = t.T("filter_"+name+"_wrong", "Value", value)
		case slices.Contains(session.FilterFields(), name) && name != session.FieldText && name != session.FieldDevice:
			errs[name] = t.T("filter_"+name+"_wrong", "Value", value)
		default:
			errs[""] = t.T("filter_unknown", "Value", name)
		}
	}
	return errs
}

// emptySessionsPage is the list without rows.
func (s *Server) emptySessionsPage(r *http.Request, v url.Values, errs map[string]string) AdminSessionsPage {
	base := s.signedInBase(r, "title_admin_sessions", Section{AdminSessions: true})
	if len(errs) > 0 {
		base.Path = "/admin/sessions" // in the other language, begin anew
	}
	p := AdminSessionsPage{
		Base:     base,
		Query:    v.Get(session.FieldText),
		Form:     Form{Values: map[string]string{}, Errors: errs},
		Filtered: len(v) > 0,
		Pager:    Pager{Page: 1, Pages: 1},
	}
	for _, name := range session.FilterFields() {
		value := v.Get(name)
		p.Form.Values[name] = value
		p.More = p.More || name != session.FieldText && (value != "" || errs[name] != "")
	}
	return p
}

// confirmEndSessions asks before ending the selected sessions, all that match a
// filter, or everyone's.
func (s *Server) confirmEndSessions(w http.ResponseWriter, r *http.Request) error {
	return s.confirmEnd(w, r, http.StatusOK, r.URL.Query(), Form{})
}

func (s *Server) confirmEnd(w http.ResponseWriter, r *http.Request, status int, v url.Values, typedIn Form) error {
	f, err := s.sessionFilter(r, v)
	if err != nil {
		return s.refusedFilter(w, r, v, err)
	}
	found, err := s.Sessions.Preview(r.Context(), f)
	if err != nil {
		return s.refusedFilter(w, r, v, err)
	}
	t := s.translator(r)
	back := "/admin/sessions"
	if q := typed(v); len(q) > 0 {
		back += "?" + q.Encode()
	}
	if found.Sessions == 0 {
		s.setFlash(r, true, t.HTML("flash_end_nothing"))
		return seeOther(w, back)
	}
	p := ConfirmPage{
		Base: s.signedInBase(r, "confirm_end_where_title", Section{AdminSessions: true}),
		Question: t.HTML("confirm_end_where",
			"Sessions", t.T("count_sessions", "Count", found.Sessions), "Users", t.T("count_users", "Count", found.Users)),
		Details: s.whom(t, v, found),
		Action:  "/admin/sessions/end",
		Hidden:  map[string]string{},
		Verb:    t.T("confirm_end_where_verb", "Count", found.Sessions),
		Cancel:  back,
		AskWhy:  true,
		Self:    f.Everyone || f.Matches(me(r), s.Now()),
		IDs:     f.IDs,
		Form:    typedIn,
	}
	for name := range typed(v) {
		p.Hidden[name] = v.Get(name)
	}
	if f.Everyone {
		p.Hidden[fieldEveryone] = "yes"
		p.Title, p.Verb = t.T("confirm_end_everyone_title"), t.T("confirm_end_everyone_verb")
		p.Word = t.T("confirm_word")
	}
	if len(typedIn.Errors) > 0 {
		p.Path = "/admin/sessions/end?everyone=yes"
	}
	return s.views.render(w, status, "confirm", p)
}

// whom says what is searched for and names the first of those it hits.
func (s *Server) whom(t *translator, v url.Values, found session.Preview) []Detail {
	labels := map[string]string{
		session.FieldText: "search", session.FieldUser: "user", session.FieldRole: "role", session.FieldIP: "filter_ip",
		session.FieldDevice: "filter_device", session.FieldOlder: "filter_older", session.FieldIdle: "filter_idle",
	}
	var list []Detail
	for _, name := range session.FilterFields() {
		if label, value := labels[name], strings.TrimSpace(v.Get(name)); label != "" && value != "" {
			if name == session.FieldRole {
				value = t.T("role_" + value)
			}
			list = append(list, Detail{t.T(label), value})
		}
	}
	for _, one := range found.First {
		text := t.device(one)
		if at := ip(one.IP); at != "" {
			text += ", " + at
		}
		list = append(list, Detail{one.Username, text})
	}
	if more := found.Sessions - len(found.First); more > 0 {
		list = append(list, Detail{t.T("confirm_more"), t.T("count_sessions", "Count", more)})
	}
	return list
}

// endSessions ends what confirmEndSessions has asked about.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	v := url.Values{}
	for name, values := range r.PostForm {
		if name != "reason" && name != "confirm" {
			v[name] = values
		}
	}
	f, err := s.sessionFilter(r, v)
	if err != nil {
		return s.refusedFilter(w, r, v, err)
	}
	if f.Everyone && !s.saysEveryone(r.PostForm.Get("confirm")) {
		return s.confirmEnd(w, r, http.StatusUnprocessableEntity, v, Form{
			Values: map[string]string{"confirm": r.PostForm.Get("confirm"), "reason": reasonText(r)},
			Errors: map[string]string{"confirm": s.translator(r).T("confirm_type_wrong")},
		})
	}
	receipt, err := s.forceOutWhere(r, f, reasonText(r))
	if err != nil {
		return s.refusedFilter(w, r, v, err)
	}
	s.flashEnd(r, f, receipt)
	return seeOther(w, "/admin/sessions")
}

// saysEveryone reports whether text is the word of the confirmation, in any of
// our languages, since the page may be open in another one.
func (s *Server) saysEveryone(text string) bool {
	text = norm.NFC.String(strings.TrimSpace(text))
	for _, t := range s.texts {
		if strings.EqualFold(text, t.T("confirm_word")) {
			return true
		}
	}
	return false
}

// flashEnd keeps the receipt for the next page, with the users where they are
// known.
func (s *Server) flashEnd(r *http.Request, f session.Filter, receipt session.Receipt) {
	if f.Everyone {
		s.flashReceipt(r, receipt)
		return
	}
	s.flashConfirmed(r, "flash_end_receipt", receipt)
}
