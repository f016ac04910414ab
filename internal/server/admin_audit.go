package server

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/user"
)

// adminAudit shows who did what to whom, from where and why.
func (s *Server) adminAudit(w http.ResponseWriter, r *http.Request) error {
	q, errs := parseAuditQuery(r.URL.Query())
	if len(errs) > 0 {
		return s.auditPage(w, r, http.StatusUnprocessableEntity, errs, nil, 0)
	}
	q.Limit = adminPageSize
	entries, next, err := s.Audit.Search(r.Context(), q)
	if err != nil {
		return err
	}
	return s.auditPage(w, r, http.StatusOK, nil, entries, next)
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request, status int, errs map[string]string, entries []audit.Entry, next int64) error {
	t, asked := s.translator(r), r.URL.Query()
	filter := auditFilter(asked)
	rows := make([]AuditRow, len(entries))
	for i, e := range entries {
		rows[i] = auditRow(t, e)
	}
	page := AdminAuditPage{
		Base:     s.signedInBase(r, "title_admin_audit", Section{AdminAudit: true}),
		Form:     Form{Values: map[string]string{}, Errors: t.invalid(errs)},
		Filtered: len(filter) > 0,
		Several:  len(filter["kind"]) > 1,
		Rows:     rows,
		CSVURL:   auditURL("/admin/audit.csv", filter, 0),
	}
	for _, name := range []string{"q", "from", "to"} {
		page.Form.Values[name] = asked.Get(name)
	}
	for _, k := range audit.Kinds() {
		page.Kinds = append(page.Kinds, Choice{string(k), t.T("activity_" + string(k)), slices.Contains(filter["kind"], string(k))})
	}
	if asked.Get("before") != "" {
		page.NewestURL = auditURL("/admin/audit", filter, 0)
	}
	if next > 0 {
		page.OlderURL = auditURL("/admin/audit", filter, next)
	}
	return s.views.render(w, status, "admin_audit", page)
}

// auditFilter returns what of a query string filters the log, without what was
// left empty.
func auditFilter(asked url.Values) url.Values {
	filter := url.Values{}
	for _, name := range []string{"q", "kind", "from", "to"} {
		for _, v := range asked[name] {
			if strings.TrimSpace(v) != "" {
				filter.Add(name, v)
			}
		}
	}
	return filter
}

// auditURL links to what filter finds, before a place in the log if that is
// not 0.
func auditURL(path string, filter url.Values, before int64) string {
	v := url.Values{}
	for name, values := range filter {
		v[name] = values
	}
	if before > 0 {
		v.Set("before", strconv.FormatInt(before, 10))
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// parseAuditQuery reads the filters of the audit log, or returns the keys of
// what is wrong with them by field. Days are those of UTC: without a script
// the server does not know the viewer's.
func parseAuditQuery(asked url.Values) (q audit.Query, errs map[string]string) {
	errs = map[string]string{}
	filter := auditFilter(asked)
	var err error
	if q.Text, q.Network, err = audit.ParseText(filter.Get("q")); err != nil {
		errs["q"] = "audit_network_invalid"
	}
	for _, name := range filter["kind"] {
		k, err := audit.ParseKind(name)
		if err != nil {
			errs["kind"] = "audit_kind_invalid"
			continue
		}
		q.Kinds = append(q.Kinds, k)
	}
	q.From, q.To = auditDay(filter, "from", errs), auditDay(filter, "to", errs)
	if !q.To.IsZero() {
		q.To = q.To.AddDate(0, 0, 1) // that day included
		if !q.From.Before(q.To) {
			errs["to"] = "audit_range_invalid"
		}
	}
	q.Before, _ = strconv.ParseInt(asked.Get("before"), 10, 64) // nobody types it: what is no place is the newest
	return q, errs
}

func auditDay(filter url.Values, name string, errs map[string]string) time.Time {
	text := strings.TrimSpace(filter.Get(name))
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		errs[name] = "audit_day_invalid"
	}
	return at
}

func auditRow(t *translator, e audit.Entry) AuditRow {
	return AuditRow{Entry: e, Who: auditWho(t, e), By: auditBy(t, e), Facts: t.facts(e.Event)}
}

// auditWho returns whose account an event is about.
func auditWho(t *translator, e audit.Entry) Party {
	switch {
	case e.User != "":
		return party(t, e.User, e.Username)
	case e.Kind == audit.EveryoneEnded:
		return Party{Text: t.T("everyone")}
	case e.Kind == audit.LoginFailed || e.Kind == audit.LoginLimited:
		return Party{Text: t.T("no_such_account")}
	}
	return Party{Text: t.T("none")}
}

// auditBy returns who did it.
func auditBy(t *translator, e audit.Entry) Party {
	switch e.By() {
	case audit.ByOperator:
		return Party{Text: t.T("operator")}
	case audit.ByNobody:
		return Party{Text: t.T("none")}
	}
	return party(t, e.Actor, e.ActorName)
}

// shortID is how much of an account's id tells it apart.
const shortID = 8

// party names an account; one that is gone by the beginning of its id.
func party(t *translator, id user.ID, username string) Party {
	if username != "" {
		return Party{Username: username}
	}
	return Party{Text: t.T("gone_account", "ID", string(id[:min(len(id), shortID)]))}
}

// facts returns what an event has to say besides who, when and from where.
func (t *translator) facts(e audit.Event) []string {
	var facts []string
	add := func(when bool, text func() string) {
		if when {
			facts = append(facts, text())
		}
	}
	d := e.Detail
	add(d.From != "", func() string { return t.role(d.From) + " → " + t.role(d.To) })
	add(d.From == "" && d.To != "", func() string { return t.role(d.To) })
	add(d.Bearer, func() string { return t.T("carrier_bearer") })
	add(d.Client != "", func() string { return d.Client })
	add(d.Key != "", func() string { return t.T("audit_key", "ID", d.Key) })
	add(d.Remember, func() string { return t.T("remembered") })
	add(d.Target != "", func() string { return t.T("audit_target", "What", d.Target) })
	add(d.Replaced, func() string { return t.T("audit_replaced") })
	add(d.Room != "", func() string { return t.T("audit_room_" + string(d.Room)) })
	add(d.Asked, func() string { return t.T("audit_asked") })
	add(d.Refused != "", func() string { return t.T("audit_refused_" + string(d.Refused)) })
	// Of one session or a log-out it goes without saying.
	add(d.Ended > 0 && e.Kind != audit.SessionEnded && e.Kind != audit.Logout && e.Kind != audit.TokenReuse,
		func() string { return t.T("audit_ended", "Count", d.Ended) })
	add(d.Partial, func() string { return t.T("audit_partial") })
	add(d.Service != "", func() string { return t.T("audit_service", "What", d.Service) })
	add(e.Note != "", func() string { return e.Note })
	return facts
}

func (t *translator) role(r user.Role) string {
	if r == user.RoleAdmin {
		return t.T("role_admin")
	}
	return t.T("role_user")
}
