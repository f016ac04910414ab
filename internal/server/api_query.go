package server

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// How many entries a part of a list has.
const (
	defaultPart = 50
	maxPart     = 200
)

// part is which part of a list a program asks for.
type part struct {
	limit  int
	cursor string // what the part before gave as "next"; empty: the first part
}

// query reads the query of r: limit, cursor and the parameters called names.
// Others, and the same one twice, are refused (flaws). Only what may repeats.
func query(r *http.Request, repeats string, names ...string) (url.Values, part, error) {
	p := part{limit: defaultPart}
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, p, errBadForm
	}
	var wrong flaws
	say := func(name, key string, args ...any) { wrong = append(wrong, flaw{param: name, key: key, args: args}) }
	for name, values := range v {
		known := slices.Contains(names, name) || name == "limit" || name == "cursor"
		switch {
		case !known:
			say(clip(name), "query_unknown")
		case len(values) > 1 && name != repeats:
			say(name, "query_twice")
		}
	}
	if text := v.Get("limit"); v.Has("limit") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPart {
			say("limit", "limit_wrong", "Max", maxPart)
		}
		p.limit = n
	}
	p.cursor = v.Get("cursor")
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b flaw) int { return strings.Compare(a.param, b.param) })
		return nil, p, wrong[:min(len(wrong), maxFlaws)]
	}
	v.Del("limit")
	v.Del("cursor")
	return v, p, nil
}

// errCursor is the error for a cursor that this list has not given.
var errCursor = flaws{{param: "cursor", key: "cursor_wrong"}}

// cursor returns the opaque text for a place in the list called list. It holds
// nothing that the list does not show.
func cursor(list string, place ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(list + "\n" + strings.Join(place, "\n")))
}

// place is the inverse of cursor for a place of n texts; nil for no cursor.
func (p part) place(list string, n int) ([]string, error) {
	if p.cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(p.cursor)
	if err != nil {
		return nil, errCursor
	}
	parts := strings.Split(string(text), "\n")
	if len(parts) != n+1 || parts[0] != list {
		return nil, errCursor
	}
	return parts[1:], nil
}

// The lists, in cursors.
const (
	listSessions = "sessions"
	listUsers    = "users"
	listAudit    = "audit"
)

func sessionCursor(s session.Session) string {
	return cursor(listSessions, strconv.FormatInt(s.Began.UnixMilli(), 10), string(s.ID))
}

func (p part) session() (session.Place, error) {
	at, err := p.place(listSessions, 2)
	if at == nil || err != nil {
		return session.Place{}, err
	}
	began, err := strconv.ParseInt(at[0], 10, 64)
	id, bad := session.ParseID(at[1])
	if err != nil || bad != nil {
		return session.Place{}, errCursor
	}
	return session.Place{Began: time.UnixMilli(began), ID: id}, nil
}

func (p part) username() (string, error) {
	at, err := p.place(listUsers, 1)
	if at == nil || err != nil {
		return "", err
	}
	if key, ok := user.LoginKey(at[0]); !ok || key != at[0] {
		return "", errCursor
	}
	return at[0], nil
}

func (p part) seq() (int64, error) {
	at, err := p.place(listAudit, 1)
	if at == nil || err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil || n < 1 {
		return 0, errCursor
	}
	return n, nil
}
