package server

import (
	"html/template"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// A page is what one template shows. Each template in web/templates has
// exactly one of the structs below; a test executes each with it.

// Base is what the layout needs; every page embeds it.
type Base struct {
	Lang      string    // "ko" or "en"
	Title     string    // translated; the template prefixes "Error: " itself when a form has errors
	Path      string    // path and query of this page, for the language switch to return to
	RequestID string    // for error pages
	Now       time.Time // "3 minutes ago" is counted from here
	Me        *Me       // nil on public pages
	Section   string    // "mypage", "password", "admin_sessions", "admin_users": the current entry of the navigation
	Flash     *Flash    // what the last POST did; nil if nothing to say
}

// Me is the signed-in person.
type Me struct {
	Username string
	Admin    bool
}

// Flash is a message that survives one redirect.
type Flash struct {
	Good bool          // tells success from a refusal
	Text template.HTML // translated, already escaped
}

// Form carries what was typed and what was wrong with it.
type Form struct {
	Values map[string]string // by field name; never a password
	Errors map[string]string // translated sentence by field name; "" is the key for one about the whole form
}

// LoginPage is login.html.
type LoginPage struct {
	Base
	Form   Form // username, remember ("on"), next
	Notice session.Reason
	// How long "keep me signed in" keeps, at most and without a visit.
	RememberLifetime, RememberIdle time.Duration
	SignUp                         bool // whether sign-up is open
}

// SignUpPage is signup.html, and setup.html with Code set.
type SignUpPage struct {
	Base
	Form        Form // username, email, name
	Code        string
	MinPassword int
	MaxPassword int
	Closed      bool // sign-up is closed: say so instead of the form
}

// MyPage is mypage.html.
type MyPage struct {
	Base
	User     user.User
	Devices  []DeviceRow // this one first, then last seen first
	Activity []ActivityRow
}

// DeviceRow is one session in a list.
type DeviceRow struct {
	session.Session
	Current bool
	Icon    string // "phone", "tablet", "desktop", "terminal" or "unknown"
}

// ActivityRow is one line of "recent activity".
type ActivityRow struct {
	audit.Event
	ByOther bool // somebody else than the account's owner did it
}

// PasswordPage is password.html.
type PasswordPage struct {
	Base
	Form        Form // no values: the fields are "current" and "password"
	Username    string
	MinPassword int
	MaxPassword int
}

// AdminSessionsPage is admin_sessions.html.
type AdminSessionsPage struct {
	Base
	Query string
	Rows  []DeviceRow
	Total int // sessions that match
	Users int // users they belong to
	Pager Pager
}

// AdminUsersPage is admin_users.html.
type AdminUsersPage struct {
	Base
	Query string
	Rows  []UserRow
	Total int
	Pager Pager
}

// UserRow is one account in the administrator's list.
type UserRow struct {
	user.User
	Self bool // the administrator who is looking
}

// Pager links to the neighbouring pages; an empty URL is no link.
type Pager struct {
	Page, Pages      int
	PrevURL, NextURL string
}

// ConfirmPage is confirm.html: asks before something that hits somebody.
type ConfirmPage struct {
	Base
	Question template.HTML // whom and what it hits, in a sentence; translated
	Details  []Detail
	Action   string            // the form posts here
	Hidden   map[string]string // hidden fields, e.g. role=admin
	Verb     string            // the button, worded with the verb; translated
	Cancel   string            // where Cancel leads
	AskWhy   bool              // offer the optional field "reason"
	Self     bool              // it hits the person who is asking: warn
	Mild     bool              // it takes nothing away: no warning colour
}

// Detail is one line under the question, such as IP and device.
type Detail struct{ Label, Value string }

// ErrorPage is error.html.
type ErrorPage struct {
	Base
	Status  int
	Message string // translated; the title is Base.Title
	BackURL string // a way on
}
