package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/session"
)

// apiAdminSessions lists who is in, by the filter of the page.
func (s *Server) apiAdminSessions(w http.ResponseWriter, r *http.Request) error {
	v, p, err := query(r, "", session.FilterFields()...)
	if err != nil {
		return err
	}
	f, err := s.sessionFilter(r, v)
	if err != nil {
		return refusedBy(err, func(field string) flaw { return flaw{param: field} })
	}
	return s.apiBrowse(w, r, f, p)
}

// refusedBy returns err, and if it is a session.BadFilter as flaws, each of which
// begins with what place returns for the field.
func refusedBy(err error, place func(field string) flaw) error {
	var bad session.BadFilter
	if !errors.As(err, &bad) {
		return err
	}
	var wrong flaws
	for field, value := range bad {
		f := place(field)
		f.key, f.args = "filter_"+field+"_wrong", []any{"Value", clip(value)}
		wrong = append(wrong, f)
	}
	slices.SortFunc(wrong, func(a, b flaw) int { return strings.Compare(a.member+a.param, b.member+b.param) })
	return wrong
}

// apiForceOutOne puts one session out.
func (s *Server) apiForceOutOne(w http.ResponseWriter, r *http.Request) error {
	id, err := s.bareID(r)
	if err != nil {
		return err
	}
	receipt, err := s.forceOutOne(r, id, "")
	if err != nil {
		return err
	}
	return s.apiForcedOut(w, r, id == me(r).ID, receipt)
}

// apiForcedOut answers an end by an administrator. If it has hit the session
// that asks, that is no reason to keep the receipt back: the end is what was
// asked for, as at a log-out.
func (s *Server) apiForcedOut(w http.ResponseWriter, r *http.Request, self bool, receipt session.Receipt) error {
	if self {
		_, gone, err := s.find(r, me(r).ID)
		if err != nil {
			return err
		}
		if gone {
			s.forget(w, r)
		}
	}
	return reply(w, http.StatusOK, receiptView(s.Sessions.Confirm(r.Context(), receipt)))
}

// endBody is by what sessions are to be ended, and why. Its members have the
// names of the fields of a filter, but that one session and everyone are called
// id and all. One that is there and empty is refused: a program that has lost a
// value must not put out more than it meant to.
type endBody struct {
	Text    *string `json:"q,omitempty"`
	User    *string `json:"user,omitempty"`
	Role    *string `json:"role,omitempty"`
	IP      *string `json:"ip,omitempty"`
	Device  *string `json:"device,omitempty"`
	Older   *string `json:"older,omitempty"`
	Idle    *string `json:"idle,omitempty"`
	Carrier *string `json:"carrier,omitempty"`
	ID      *string `json:"id,omitempty"`
	All     bool    `json:"all,omitempty"`
	Reason  string  `json:"reason,omitempty" max:"200"`
	DryRun  bool    `json:"dry_run,omitempty"`
}

// apiFilter returns the filter that b means: flaws.
func (s *Server) apiFilter(r *http.Request, b endBody) (session.Filter, error) {
	v := url.Values{}
	for field, value := range map[string]*string{
		session.FieldText: b.Text, session.FieldUser: b.User, session.FieldRole: b.Role, session.FieldIP: b.IP,
		session.FieldDevice: b.Device, session.FieldOlder: b.Older, session.FieldIdle: b.Idle, session.FieldCarrier: b.Carrier,
		fieldIDs: b.ID,
	} {
		if value != nil {
			v.Set(field, *value)
		}
	}
	if b.All {
		v.Set(fieldEveryone, "yes")
	}
	f, err := s.sessionFilter(r, v)
	return f, refusedBy(err, func(field string) flaw {
		if field == fieldIDs {
			return flaw{member: "id"}
		}
		return flaw{member: field}
	})
}

// apiForceOutWhere puts out the sessions that match everything given, or says
// how many that would be.
func (s *Server) apiForceOutWhere(w http.ResponseWriter, r *http.Request) error {
	var b endBody
	if err := decode(r, &b); err != nil {
		return err
	}
	f, err := s.apiFilter(r, b)
	if err != nil {
		return err
	}
	began := s.Now()
	would := session.Preview{}
	if b.DryRun || f.Everyone { // of everyone the receipt does not know how many users they are
		if would, err = s.Sessions.Preview(r.Context(), f); err != nil {
			return err
		}
	}
	if b.DryRun {
		return reply(w, http.StatusOK, apiReceipt{
			Ended: would.Sessions, AlreadyGone: max(0, len(f.IDs)-would.Sessions), Users: would.Users,
			TookMS: s.Now().Sub(began).Milliseconds(), DryRun: true,
		})
	}
	self := f.Everyone || f.Matches(me(r), s.Now())
	receipt, err := s.forceOutWhere(r, f, b.Reason)
	if err != nil {
		return err
	}
	receipt.Users = max(receipt.Users, would.Users)
	return s.apiForcedOut(w, r, self, receipt)
}
