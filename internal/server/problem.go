package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// problemPath and the key of a kind, with hyphens, make the type of a problem.
// Types are stable: programs tell errors apart by them. The OpenAPI document
// lists them all.
const problemPath = "/problems/"

func (k kind) problemType() string { return problemPath + strings.ReplaceAll(k.key, "_", "-") }

// problem9457 is an error for a program (RFC 9457).
type problem9457 struct {
	Type     string `json:"type"`
	Title    string `json:"title"` // the same whenever the type is, translated
	Status   int    `json:"status"`
	Detail   string `json:"detail"`   // for people, translated
	Instance string `json:"instance"` // the request id

	Reason session.Reason `json:"reason,omitempty"` // why the session has ended
	Errors []apiFlaw      `json:"errors,omitempty"` // what is wrong with the input
	*apiRoom
}

// apiFlaw is one thing that is wrong with what a program sent.
type apiFlaw struct {
	Pointer   string `json:"pointer,omitempty"`   // the member of the body: a JSON Pointer (RFC 6901) as URI fragment
	Parameter string `json:"parameter,omitempty"` // or the parameter of the query
	Code      string `json:"code"`                // stable
	Detail    string `json:"detail"`              // for people, translated
}

// flaws is errInvalid with all that is wrong with the members of a body or the
// parameters of a query.
type flaws []flaw

type flaw struct {
	member string // of the body; empty: the body
	index  string // in the member, if it is a list
	param  string // of the query
	key    string // of the text, and the code
	args   []any
}

// Error implements error. What was sent is not in it.
func (f flaws) Error() string { return errInvalid.Error() }

// Unwrap makes errors.Is(err, errInvalid) true.
func (f flaws) Unwrap() error { return errInvalid }

// sendProblem answers with application/problem+json.
func (s *Server) sendProblem(w http.ResponseWriter, r *http.Request, k kind, err error) {
	t := s.translator(r)
	p := problem9457{
		Type:     k.problemType(),
		Title:    t.forProgram(k.key + "_title"),
		Status:   k.status,
		Detail:   t.forProgram(k.key+"_text", t.placeholders(err)...),
		Instance: exchangeOf(r.Context()).requestID(),
		Errors:   s.explain(t, err),
	}
	var ended *session.EndedError
	var unreadable *badJSON
	var room *noRoom
	switch {
	case errors.As(err, &ended):
		p.Reason, p.Detail = ended.Reason, t.T("ended_"+string(ended.Reason))
	case errors.As(err, &unreadable):
		p.Detail = t.T(unreadable.key, "At", unreadable.at)
	case errors.As(err, &room):
		p.apiRoom = &room.apiRoom
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // strings and numbers; the client may be gone
}

// forProgram is T for the text of an error where there is no page.
func (t *translator) forProgram(key string, args ...any) string {
	if t.keys["problem_"+key] {
		return t.T("problem_"+key, args...)
	}
	return t.T("error_"+key, args...)
}

// explain lists what is wrong with the input, if that is what err is about.
func (s *Server) explain(t *translator, err error) (list []apiFlaw) {
	var wrong flaws
	var invalid user.Invalid
	switch {
	case errors.As(err, &wrong):
		for _, f := range wrong {
			one := apiFlaw{Parameter: f.param, Code: f.key, Detail: t.T(f.key, f.args...)}
			if f.param == "" {
				one.Pointer = pointer(f.member, f.index)
			}
			list = append(list, one)
		}
	case errors.As(err, &invalid):
		texts := t.invalid(invalid, s.policyArgs()...)
		for field, key := range invalid {
			list = append(list, apiFlaw{Pointer: pointer(field, ""), Code: key, Detail: texts[field]})
		}
		slices.SortFunc(list, func(a, b apiFlaw) int { return strings.Compare(a.Pointer, b.Pointer) })
	}
	return list
}

// pointer returns the JSON Pointer of a member of the body, or of what has the
// index in it; of the body itself without a member.
func pointer(member, index string) string {
	at := "#"
	for _, part := range []string{member, index} {
		if part != "" {
			at += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
		}
	}
	return at
}
