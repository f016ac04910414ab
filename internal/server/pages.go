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
	Section   Section   // the current entry of the navigation
	Flash     *Flash    // what the last POST did; nil if nothing to say
}

// Section is an entry of the navigation: one is true, or none.
type Section struct{ MyPage, Password, AdminSessions, AdminUsers, AdminAudit bool }

// Me is the signed-in person.
type Me struct {
	Username string
	SignedIn string // that it is who is signed in; translated
	Session  string // what a page compares its event stream with: the start of the session id
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

// LimitPage is limit.html: which devices to log out, so that this log-in can go
// on.
type LimitPage struct {
	Base
	Form    Form // no values
	Ticket  string
	Devices []LimitRow // last seen first
	Limit   int        // how many may be in at once
	Cancel  string     // where Cancel leads
}

// LimitRow is one device that could make room.
type LimitRow struct {
	DeviceRow
	Selected bool
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
	Account  Account
	Devices  []DeviceRow // this one first, then last seen first
	Activity []ActivityRow
}

// Account is what its owner sees of an account, all words: see DeviceRow.
type Account struct {
	Username template.HTML
	Name     string        // may be empty
	Email    template.HTML // may be empty
	Admin    bool
	Created  template.HTML
}

// DeviceRow is one session in a list. It is all words: what stands in a page
// many times must leave its template little to do.
type DeviceRow struct {
	ID       string // the session id
	Current  bool
	Remember bool
	Bearer   bool
	Client   bool          // a client has given itself the name
	Icon     string        // "phone", "tablet", "desktop", "terminal" or "unknown"
	Name     string        // translated if not known
	Device   string        // of a client; may be empty
	IP       template.HTML // may be empty
	Began    template.HTML
	LastSeen template.HTML // ago
	LogOut   string        // the button that ends it, to who does not see where it stands; only in lists of one's own
}

// SessionRow is one session in the list of who is in.
type SessionRow struct {
	DeviceRow
	Username       string
	BeganAgo, Ends template.HTML
}

// ActivityRow is one line of "recent activity", all words as well.
type ActivityRow struct {
	What   string
	By     string        // "by an administrator"; empty: the account's owner, or nobody knows
	Device string        // may be empty
	IP     template.HTML // may be empty
	Facts  []string
	When   template.HTML // ago
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
	Query    string
	Form     Form // the filters, by the names of session.FilterFields
	Filtered bool // something is searched for
	More     bool // show the filters beside Query
	Rows     []SessionRow
	Total    int    // sessions that match
	Users    int    // users they belong to
	Stopped  bool   // there may be more, seen later: the search has not looked at all
	EndURL   string // to end all that match; empty if nothing is searched for
	Pager    Pager
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

// AdminAuditPage is admin_audit.html.
type AdminAuditPage struct {
	Base
	Form      Form // q, kind, from, to
	Filtered  bool // Form says something
	Kinds     []Choice
	Several   bool // more than one kind is chosen
	Rows      []AuditRow
	CSVURL    string
	NewestURL string // empty: this is the newest page
	OlderURL  string // empty: nothing is older
}

// Choice is one option of a select.
type Choice struct {
	Value, Label string
	Chosen       bool
}

// AuditRow is one line of the audit log.
type AuditRow struct {
	audit.Entry
	Who, By Party
	Facts   []string // translated
}

// Party is somebody in the audit log.
type Party struct {
	Username string // links to what the log has of the account; empty if there is none
	Text     string // what to show instead: translated, or the beginning of an id
}

// Name returns what to show.
func (p Party) Name() string {
	if p.Username != "" {
		return p.Username
	}
	return p.Text
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
	IDs      []session.ID      // hidden fields "ids"
	Word     string            // has to be typed in the field "confirm"; empty: no such field
	Form     Form              // confirm, reason
}

// Detail is one line under the question, such as IP and device.
type Detail struct{ Label, Value string }

// Again is how to repeat what has just failed and may go well in a moment.
type Again struct {
	URL  string // the page that was asked for, or the one whose form was sent; empty if not known
	Form bool   // a form was sent

	// The message does not say whether what the form asks for has been done.
	Unsure bool
}

// ErrorPage is error.html.
type ErrorPage struct {
	Base
	Status  int
	Message string // translated; the title is Base.Title
	BackURL string // a way on
	Again   *Again // nil if trying again makes no sense
}
