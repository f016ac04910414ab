package server

import (
	"encoding/json"
	"net/http"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// What the API answers with. Names and types are those of the OpenAPI document;
// the tests hold every answer against it. No hash is in any of them, and no token
// but in apiTokens.

// apiMe is who the session belongs to.
type apiMe struct {
	Username  string     `json:"username"`
	Name      string     `json:"name"`
	Role      user.Role  `json:"role"`
	SessionID session.ID `json:"session_id"`
}

func meView(u user.User, id session.ID) apiMe { return apiMe{u.Username, u.Name, u.Role, id} }

// apiTokens is what a program is given instead of a cookie (RFC 6749, section
// 5.1).
type apiTokens struct {
	AccessToken  string     `json:"access_token"`
	TokenType    string     `json:"token_type"` // "Bearer"
	ExpiresIn    int64      `json:"expires_in"` // seconds
	RefreshToken string     `json:"refresh_token"`
	SessionID    session.ID `json:"session_id"`
}

// apiPasswordChanged says what a change of the password has done.
type apiPasswordChanged struct {
	SessionID  session.ID `json:"session_id"`
	*apiTokens            // nil: the new token is in the cookie
	apiReceipt
}

// apiSession is one session in a list.
type apiSession struct {
	ID       session.ID      `json:"id"`
	Username string          `json:"username"`
	Role     user.Role       `json:"role"`
	Current  bool            `json:"current"` // it carries this request
	Carrier  session.Carrier `json:"carrier"`
	Client   string          `json:"client"` // the name that the client gave itself; may be empty
	Device   apiDevice       `json:"device"`
	IP       string          `json:"ip"`
	Remember bool            `json:"remember"`
	Began    time.Time       `json:"began"`
	LastSeen time.Time       `json:"last_seen"`
	Ends     time.Time       `json:"ends"` // unless it is used, or ended, before
}

type apiDevice struct {
	Browser string `json:"browser"` // empty: unknown
	OS      string `json:"os"`      // empty: unknown
}

func sessionViews(list []session.Session, current session.ID) []apiSession {
	views := make([]apiSession, len(list))
	for i, s := range list {
		views[i] = apiSession{
			ID: s.ID, Username: s.Username, Role: s.Role, Current: s.ID == current,
			Carrier: s.Carrier, Client: s.Client, Device: apiDevice{s.Device.Browser, s.Device.OS}, Remember: s.Remember,
			Began: s.Began.UTC(), LastSeen: s.LastSeen.UTC(), Ends: s.Ends().UTC(),
		}
		if s.IP.IsValid() {
			views[i].IP = s.IP.String()
		}
	}
	return views
}

// apiSessions is a part of a list of sessions, those begun last first.
type apiSessions struct {
	Sessions []apiSession `json:"sessions"`
	Next     *string      `json:"next"` // the cursor of the next part; null: this is the last
	Total    int          `json:"total"`
	Users    int          `json:"users"`
}

func sessionsView(found session.Listing, current session.ID) apiSessions {
	v := apiSessions{Sessions: sessionViews(found.Sessions, current), Total: found.Total, Users: found.Users}
	if found.More {
		next := sessionCursor(found.Sessions[len(found.Sessions)-1])
		v.Next = &next
	}
	return v
}

// apiRoom is what somebody needs to know who has no room for another session.
type apiRoom struct {
	Limit    int          `json:"limit"`
	Ticket   string       `json:"ticket,omitempty"` // goes on with the log-in, once
	Sessions []apiSession `json:"sessions,omitempty"`
}

// apiReceipt says what an end has done.
type apiReceipt struct {
	Ended       int   `json:"ended"`
	AlreadyGone int   `json:"already_gone"`
	Users       int   `json:"users"`
	TookMS      int64 `json:"took_ms"`
	Nodes       int   `json:"nodes,omitempty"`     // running, where that is known
	Confirmed   *int  `json:"confirmed,omitempty"` // of these, who have told their open pages
	DryRun      bool  `json:"dry_run,omitempty"`   // nothing was ended: it says what would be
}

func receiptView(r session.Receipt) apiReceipt {
	if r.Ended == 1 {
		r.Users = 1 // also where it was ended by its id
	}
	view := apiReceipt{Ended: r.Ended, AlreadyGone: r.Gone, Users: r.Users, TookMS: r.Took.Milliseconds()}
	if r.Nodes.Live > 0 {
		view.Nodes, view.Confirmed = r.Nodes.Live, &r.Nodes.Confirmed
	}
	return view
}

// apiUser is an account as administrators see it.
type apiUser struct {
	Username   string     `json:"username"`
	Name       string     `json:"name"`
	Email      string     `json:"email"`
	Role       user.Role  `json:"role"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at"` // null: it may log in
}

func userViews(list []user.User) []apiUser {
	views := make([]apiUser, len(list))
	for i, u := range list {
		views[i] = apiUser{Username: u.Username, Name: u.Name, Email: u.Email, Role: u.Role, CreatedAt: u.CreatedAt.UTC()}
		if u.Disabled() {
			at := u.DisabledAt.UTC()
			views[i].DisabledAt = &at
		}
	}
	return views
}

// apiUsers is a part of the list of accounts, by username.
type apiUsers struct {
	Users []apiUser `json:"users"`
	Next  *string   `json:"next"`
	Total int       `json:"total"`
}

// apiEvent is a line of the audit log.
type apiEvent struct {
	Seq    int64        `json:"seq"`
	At     time.Time    `json:"at"`
	Kind   audit.Kind   `json:"kind"`
	User   string       `json:"user"`  // username; empty: none, or gone
	By     string       `json:"by"`    // self, other, operator or nobody
	Actor  string       `json:"actor"` // username
	IP     string       `json:"ip"`
	Device string       `json:"device"`
	Reason string       `json:"reason"` // as somebody gave it
	Detail audit.Detail `json:"detail"`
}

var apiBy = map[audit.By]string{
	audit.BySelf: "self", audit.ByOther: "other", audit.ByOperator: "operator", audit.ByNobody: "nobody",
}

func eventViews(list []audit.Entry) []apiEvent {
	views := make([]apiEvent, len(list))
	for i, e := range list {
		views[i] = apiEvent{
			Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, User: e.Username, By: apiBy[e.By()], Actor: e.ActorName,
			Device: e.Device, Reason: e.Note, Detail: e.Detail,
		}
		if e.IP.IsValid() {
			views[i].IP = e.IP.String()
		}
	}
	return views
}

// apiEvents is a part of the audit log, newest first.
type apiEvents struct {
	Events []apiEvent `json:"events"`
	Next   *string    `json:"next"`
}

// jsonType is shared by all answers, as what headers sets.
var jsonType = []string{"application/json"}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}
