package server

import (
	"net/http"
	"strconv"
)

// apiAdminAudit lists who did what to whom, by the filter of the page.
func (s *Server) apiAdminAudit(w http.ResponseWriter, r *http.Request) error {
	v, p, err := query(r, "kind", "q", "kind", "from", "to")
	if err != nil {
		return err
	}
	q, bad := parseAuditQuery(v)
	if len(bad) > 0 {
		var wrong flaws
		for _, name := range []string{"q", "kind", "from", "to"} {
			if bad[name] != "" {
				wrong = append(wrong, flaw{param: name, key: bad[name]})
			}
		}
		return wrong
	}
	if q.Before, err = p.seq(); err != nil {
		return err
	}
	q.Limit = p.limit
	found, next, err := s.Audit.Search(r.Context(), q)
	if err != nil {
		return err
	}
	list := apiEvents{Events: eventViews(found)}
	if next > 0 {
		at := cursor(listAudit, strconv.FormatInt(next, 10))
		list.Next = &at
	}
	return reply(w, http.StatusOK, list)
}
