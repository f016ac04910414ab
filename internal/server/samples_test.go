package server

import (
	"html/template"
	"net/netip"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// hostile is what nobody should be able to make a page run or break.
const hostile = `<script>alert("1")</script>'" onload=x`

var sampleNow = time.Date(2026, 11, 21, 8, 4, 0, 0, time.UTC)

// sample is one page with realistic data.
type sample struct {
	id   string // names the preview
	name string // of the template
	page page
}

// picks are devices to choose from, those from first on selected.
func picks(devices []DeviceRow, first int) (rows []LimitRow) {
	for i, d := range devices {
		d.Current = false
		rows = append(rows, LimitRow{DeviceRow: d, Selected: i >= first})
	}
	return rows
}

// everySample returns them, and every page without anything in it.
func everySample(t *translator) []sample {
	list := samples(t)
	for name, empty := range pages {
		list = append(list, sample{"empty " + name, name, empty})
	}
	return list
}

// samples returns every page in every state worth seeing.
func samples(t *translator) []sample {
	base := func(path string, section Section) Base {
		return Base{Lang: t.lang, Path: path, Section: section, RequestID: "9f2c4e1a7b3d", Now: sampleNow}
	}
	mine := func(path string, section Section, admin bool) Base {
		b := base(path, section)
		b.Me = &Me{Username: "minji.kim", SignedIn: t.T("signed_in_as", "Name", "minji.kim"), Admin: admin}
		return b
	}
	filled := func(b Base, title string) Base { b.Title = title; return b }
	flash := func(b Base, good bool, text template.HTML) Base {
		b.Flash = &Flash{Good: good, Text: text}
		return b
	}

	minji := user.User{ID: "u1", Username: "minji.kim", Name: "김민지", Email: "minji.kim@example.com", Role: user.RoleAdmin, CreatedAt: sampleNow.AddDate(0, -8, -3)}
	device := func(id byte, who, browser, os, ip string, ago time.Duration, remember bool) session.Session {
		s := session.Session{
			ID: session.IDOf(string(id)), Username: who,
			Device: session.Device{Browser: browser, OS: os},
			Began:  sampleNow.Add(-ago - 26*time.Hour), LastSeen: sampleNow.Add(-ago),
			Idle: 14 * 24 * time.Hour, Deadline: sampleNow.Add(3 * 24 * time.Hour), Remember: remember,
		}
		if ip != "" {
			s.IP = netip.MustParseAddr(ip)
		}
		return s
	}
	sessions := []session.Session{
		device(1, "minji.kim", "Chrome", "Windows", "203.0.113.24", 20*time.Second, false),
		device(2, "minji.kim", "KakaoTalk", "Android", "2001:db8:85a3:8d3:1319:8a2e:370:7348", 3*time.Minute, true),
		device(3, "minji.kim", "Safari", "iPadOS", "198.51.100.7", 5*time.Hour, true),
		device(4, "minji.kim", "", "", "", 2*24*time.Hour, false),
	}
	api := device(8, "minji.kim", "curl", "", "192.0.2.14", 4*time.Minute, false)
	api.Carrier, api.Client = session.Bearer, "Nightly backup of the photo archive, 사진 보관함 백업 <"
	oneWord := device(9, "minji.kim", "", "", "192.0.2.14", 5*time.Minute, true)
	oneWord.Carrier, oneWord.Client = session.Bearer, strings.Repeat("a", 60)
	sessions = append(sessions, api, oneWord)
	current := sessions[0].ID
	devices := t.deviceRows(sessions, current, sampleNow)
	var everyone []SessionRow
	sessions = append(sessions,
		device(5, "hyunwoo", "Whale", "Windows", "203.0.113.80", 12*time.Minute, true),
		device(6, "alexandria.featherstonehaugh-01", "Firefox", "Linux", "198.51.100.200", 40*time.Minute, false),
		device(7, "deploy", "curl", "", "192.0.2.14", 50*time.Minute, false),
	)
	for _, one := range sessions {
		everyone = append(everyone, t.sessionRow(one, current, sampleNow))
	}
	event := func(kind audit.Kind, ago time.Duration, device, ip, note string, actor user.ID, detail audit.Detail) audit.Event {
		e := audit.Event{At: sampleNow.Add(-ago), Kind: kind, User: "u1", Actor: actor, Device: device, Note: note, Detail: detail}
		if ip != "" {
			e.IP = netip.MustParseAddr(ip)
		}
		return e
	}
	events := []audit.Event{
		event(audit.Login, 20*time.Second, "Chrome · Windows", "203.0.113.24", "", "u1", audit.Detail{Remember: true}),
		event(audit.LoginFailed, 4*time.Minute, "Chrome · Windows", "203.0.113.24", "", "", audit.Detail{}),
		event(audit.SessionEnded, 3*time.Hour, "Edge · Windows", "203.0.113.9", "lost laptop", "u2", audit.Detail{Ended: 1, Target: "Safari · macOS"}),
		event(audit.TokenReuse, 5*time.Hour, "curl", "192.0.2.14", "", "", audit.Detail{Ended: 1, Target: "Nightly backup"}),
		event(audit.Login, 6*time.Hour, "curl", "192.0.2.14", "", "u1", audit.Detail{Bearer: true, Client: "Nightly backup"}),
		event(audit.PasswordChange, 26*time.Hour, "Safari · iPadOS", "198.51.100.7", "", "u1", audit.Detail{Ended: 2}),
		event(audit.RoleChange, 40*24*time.Hour, "", "", "", "", audit.Detail{From: user.RoleUser, To: user.RoleAdmin}),
		event(audit.SignUp, 400*24*time.Hour, "KakaoTalk · Android", "2001:db8::7", "", "u1", audit.Detail{}),
	}
	var activity []ActivityRow
	var auditRows []AuditRow
	for i, e := range events {
		activity = append(activity, t.activityRow(e, sampleNow))
		auditRows = append(auditRows, auditRow(t, audit.Entry{Event: e, Seq: int64(4711 - i), Username: "minji.kim",
			ActorName: map[user.ID]string{"u1": "minji.kim", "u2": "sora"}[e.Actor]}))
	}
	auditRows = append(auditRows,
		auditRow(t, audit.Entry{Event: audit.Event{At: sampleNow.Add(-time.Hour), Kind: audit.EveryoneEnded, Actor: "u2",
			Note: "교육이 끝난 뒤 모든 실습용 기기에서 로그아웃 / after the workshop", Detail: audit.Detail{Ended: 1204, Partial: true}}, ActorName: "sora"}),
		auditRow(t, audit.Entry{Event: audit.Event{At: sampleNow.Add(-2 * time.Hour), Kind: audit.LoginLimited, IP: netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348"), Device: "curl"}}),
		auditRow(t, audit.Entry{Event: audit.Event{At: sampleNow.Add(-3 * time.Hour), Kind: audit.Login, User: "Zm9vYmFyYmF6cXV4", Actor: "Zm9vYmFyYmF6cXV4"}}),
		auditRow(t, audit.Entry{Event: audit.Event{At: sampleNow.Add(-4 * time.Hour), Kind: audit.SessionsEnded, Detail: audit.Detail{Target: "192.0.2.0/24", Ended: 3}}}))
	kinds := []Choice{{"login", t.T("activity_login"), true}, {"logout", t.T("activity_logout"), false}}
	loginFailed := Form{Values: map[string]string{"username": "minji.kim", "remember": "on", "next": "/mypage"}, Errors: map[string]string{"": t.T("login_failed")}}
	signUpFailed := Form{
		Values: map[string]string{"username": "김민지", "email": "minji@", "name": "김민지"},
		Errors: t.invalid(map[string]string{"username": "username_chars", "password": "password_short", "email": "email_invalid"}, "Min", 8, "Max", 128),
	}
	evil := Form{
		Values: map[string]string{"username": hostile, "email": hostile, "name": hostile, "next": hostile},
		Errors: map[string]string{"": hostile, "username": hostile, "password": hostile, "current": hostile, "email": hostile, "name": hostile},
	}
	users := []UserRow{
		{User: user.User{Username: "alexandria.featherstonehaugh-01", Name: "Alexandria Featherstonehaugh", Email: "alexandria.featherstonehaugh@research.example.org", Role: user.RoleUser, CreatedAt: sampleNow.AddDate(-2, 0, 0)}},
		{User: user.User{Username: "hyunwoo", Name: "박현우", Role: user.RoleUser, CreatedAt: sampleNow.AddDate(0, -1, 0), DisabledAt: sampleNow.Add(-time.Hour)}},
		{User: minji, Self: true},
		{User: user.User{Username: "sora", Role: user.RoleAdmin, Email: "sora@example.com", CreatedAt: sampleNow.Add(-5 * time.Minute)}},
	}
	pager := Pager{Page: 2, Pages: 5, PrevURL: "/admin/sessions?q=kim&page=1", NextURL: "/admin/sessions?q=kim&page=3"}

	list := []sample{
		{"login", "login", LoginPage{Base: base("/login", Section{}), RememberLifetime: 30 * 24 * time.Hour, RememberIdle: 14 * 24 * time.Hour, SignUp: true}},
		{"login_forced", "login", LoginPage{Base: base("/login?why=forced", Section{}), Notice: session.Forced, RememberLifetime: 30 * 24 * time.Hour, RememberIdle: 14 * 24 * time.Hour, SignUp: true}},
		{"login_failed", "login", LoginPage{Base: base("/", Section{}), Form: loginFailed, RememberLifetime: 30 * 24 * time.Hour, RememberIdle: 14 * 24 * time.Hour}},
		{"login_hostile", "login", LoginPage{Base: filled(base(hostile, Section{}), hostile), Form: evil, Notice: session.Logout, RememberLifetime: 36 * time.Hour, RememberIdle: 36 * time.Hour}},
		{"limit", "limit", LimitPage{Base: base("/login", Section{}), Ticket: "dGlja2V0.c2lnbmVk", Devices: picks(devices, 2), Limit: 3, Cancel: "/login"}},
		{"limit_again", "limit", LimitPage{Base: base("/login", Section{}), Form: Form{Errors: map[string]string{"": t.T("limit_again")}}, Ticket: "dGlja2V0.c2lnbmVk", Devices: picks(devices, 3), Limit: 4, Cancel: "/login?next=%2Fadmin"}},
		{"limit_one", "limit", LimitPage{Base: base("/login", Section{}), Form: evil, Ticket: hostile, Devices: picks(devices[:1], 0), Limit: 1, Cancel: "/login"}},
		{"signup", "signup", SignUpPage{Base: base("/signup", Section{}), MinPassword: 8, MaxPassword: 128}},
		{"signup_failed", "signup", SignUpPage{Base: base("/", Section{}), Form: signUpFailed, MinPassword: 8, MaxPassword: 128}},
		{"signup_hostile", "signup", SignUpPage{Base: base("/", Section{}), Form: evil, MinPassword: 15, MaxPassword: 128}},
		{"signup_closed", "signup", SignUpPage{Base: base("/signup", Section{}), Closed: true}},
		{"setup", "setup", SignUpPage{Base: base("/setup?code=c0de", Section{}), Code: "c0de", MinPassword: 8, MaxPassword: 128}},
		{"mypage", "mypage", MyPage{Base: flash(mine("/mypage", Section{MyPage: true}, false), true, t.HTML("flash_others_ended", "Count", 3)), Account: t.account(minji), Devices: devices, Activity: activity}},
		{"mypage_admin", "mypage", MyPage{Base: mine("/mypage", Section{MyPage: true}, true), Account: t.account(minji), Devices: devices[:1]}},
		{"password", "password", PasswordPage{Base: mine("/mypage/password", Section{Password: true}, false), Username: "minji.kim", MinPassword: 8, MaxPassword: 128}},
		{"password_failed", "password", PasswordPage{Base: mine("/", Section{Password: true}, true), Form: Form{Errors: t.invalid(map[string]string{"current": "current_wrong", "password": "password_known"})}, Username: "minji.kim", MinPassword: 8, MaxPassword: 128}},
		{"password_hostile", "password", PasswordPage{Base: mine("/", Section{Password: true}, true), Form: evil, Username: hostile}},
		{"admin_sessions", "admin_sessions", AdminSessionsPage{Base: flash(mine("/admin/sessions?q=kim&page=2", Section{AdminSessions: true}, true), true, t.HTML("flash_admin_receipt", "Ended", 3, "Gone", 1, "Nodes", t.T("receipt_nodes", "Count", 2, "Confirmed", 2), "Ms", 12)), Query: "kim", Rows: everyone, Total: 213, Users: 48, Pager: pager}},
		{"admin_sessions_stopped", "admin_sessions", AdminSessionsPage{Base: mine("/admin/sessions", Section{AdminSessions: true}, true), Rows: everyone, Total: 100_000, Users: 97_412, Stopped: true, Pager: pager}},
		{"admin_sessions_none", "admin_sessions", AdminSessionsPage{Base: mine("/admin/sessions?q=x", Section{AdminSessions: true}, true), Query: hostile}},
		{"admin_users", "admin_users", AdminUsersPage{Base: flash(mine("/admin/users", Section{AdminUsers: true}, true), false, t.HTML("flash_user_unchanged", "Who", "sora")), Rows: users, Total: 4, Pager: Pager{Page: 1, Pages: 2, NextURL: "/admin/users?page=2"}}},
		{"admin_users_none", "admin_users", AdminUsersPage{Base: mine("/admin/users?q=x", Section{AdminUsers: true}, true), Query: "x"}},
		{"admin_audit", "admin_audit", AdminAuditPage{Base: mine("/admin/audit?q=kim&before=5000", Section{AdminAudit: true}, true), Form: Form{Values: map[string]string{"q": "kim", "from": "2026-11-01"}}, Filtered: true, Kinds: kinds, Rows: auditRows, CSVURL: "/admin/audit.csv?q=kim", NewestURL: "/admin/audit?q=kim", OlderURL: "/admin/audit?q=kim&before=4686"}},
		{"admin_audit_none", "admin_audit", AdminAuditPage{Base: mine("/admin/audit?q=x", Section{AdminAudit: true}, true), Form: Form{Values: map[string]string{"q": hostile}}, Filtered: true, Kinds: kinds, Several: true}},
		{"admin_audit_wrong", "admin_audit", AdminAuditPage{Base: mine("/admin/audit?q=1/2", Section{AdminAudit: true}, true), Form: Form{Values: map[string]string{"q": "192.0.2.0/33"}, Errors: t.invalid(map[string]string{"q": "audit_network_invalid", "to": "audit_range_invalid", "kind": "audit_kind_invalid"})}, Kinds: kinds}},
		{"error", "error", ErrorPage{Base: filled(base("/x", Section{}), t.T("error_not_found_title")), Status: 404, Message: t.T("error_not_found_text"), BackURL: "/"}},
		{"error_signed_in", "error", ErrorPage{Base: filled(mine("/x", Section{}, false), t.T("error_unavailable_title")), Status: 503, Message: t.T("error_unavailable_text"), BackURL: "/mypage"}},
	}
	list = append(list,
		sample{"admin_sessions_filtered", "admin_sessions", AdminSessionsPage{
			Base: mine("/admin/sessions?role=user&older=7d", Section{AdminSessions: true}, true), Rows: everyone, Total: 213, Users: 48, Filtered: true, More: true,
			Form: Form{Values: map[string]string{"role": "user", "older": "7d"}}, EndURL: "/admin/sessions/end?older=7d&role=user", Pager: Pager{Page: 1, Pages: 1}}},
		sample{"admin_sessions_refused", "admin_sessions", AdminSessionsPage{
			Base: mine("/admin/sessions", Section{AdminSessions: true}, true), Query: "kim", Filtered: true, More: true,
			Form: Form{
				Values: map[string]string{"ip": "300.1.2.3", "older": hostile, "carrier": hostile},
				Errors: t.badFilter(session.BadFilter{"ip": "300.1.2.3", "older": hostile, hostile: "x"}),
			}}},
		sample{"confirm_end_where", "confirm", ConfirmPage{
			Base:     filled(mine("/admin/sessions/end?role=user", Section{AdminSessions: true}, true), t.T("confirm_end_where_title")),
			Question: t.HTML("confirm_end_where", "Sessions", t.T("count_sessions", "Count", 128), "Users", t.T("count_users", "Count", 97)),
			Details:  []Detail{{t.T("role"), t.T("role_user")}, {"hyunwoo", "Whale · Windows, 203.0.113.80"}, {"alexandria.featherstonehaugh-01", "Firefox · Linux, 198.51.100.200"}, {t.T("confirm_more"), t.T("count_sessions", "Count", 126)}},
			Action:   "/admin/sessions/end", Hidden: map[string]string{"role": "user"}, IDs: []session.ID{sessions[1].ID},
			Verb: t.T("confirm_end_where_verb", "Count", 128), Cancel: "/admin/sessions?role=user", AskWhy: true}},
		sample{"confirm_everyone", "confirm", ConfirmPage{
			Base:     filled(mine("/admin/sessions/end?everyone=yes", Section{AdminSessions: true}, true), t.T("confirm_end_everyone_title")),
			Question: t.HTML("confirm_end_where", "Sessions", t.T("count_sessions", "Count", 1), "Users", t.T("count_users", "Count", 1)),
			Action:   "/admin/sessions/end", Hidden: map[string]string{"everyone": "yes"}, Verb: t.T("confirm_end_everyone_verb"),
			Cancel: "/admin/sessions", AskWhy: true, Self: true, Word: t.T("confirm_word"),
			Form: Form{Values: map[string]string{"confirm": hostile, "reason": hostile}, Errors: map[string]string{"confirm": t.T("confirm_type_wrong")}}}},
	)
	for _, ask := range []string{"end_session", "end_user", "disable", "enable", "role_admin", "role_user"} {
		list = append(list, sample{"confirm_" + ask, "confirm", ConfirmPage{
			Base:     filled(mine("/admin", Section{AdminUsers: true}, true), t.T("confirm_"+ask+"_title")),
			Question: t.HTML("confirm_"+ask, "Who", "hyunwoo"),
			Details:  []Detail{{"IP", "203.0.113.80"}, {t.T("device"), "Whale · Windows"}},
			Action:   "/admin/users/hyunwoo/role",
			Hidden:   map[string]string{"role": "admin"},
			Verb:     t.T("confirm_" + ask + "_verb"),
			Cancel:   "/admin/users",
			AskWhy:   ask != "enable",
			Self:     ask == "role_user",
			Mild:     ask == "enable",
		}})
	}
	return append(list, sample{"confirm_hostile", "confirm", ConfirmPage{
		Base:     filled(mine("/admin", Section{AdminUsers: true}, true), hostile),
		Question: t.HTML("confirm_disable", "Who", hostile),
		Details:  []Detail{{hostile, hostile}},
		Action:   hostile, Verb: hostile, Cancel: "javascript:alert(1)",
		Hidden: map[string]string{hostile: hostile},
	}})
}
