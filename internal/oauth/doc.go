// Package oauth owns the other services that may ask about tokens and revoke
// them: each is a [Client], which shows its id and a secret (RFC 6749 2.3.1) at
// introspection (RFC 7662) and revocation (RFC 7009). An operator makes and
// removes them by command; no page and no API does.
//
// A client is not whoever logs in: it opens no session, and may ask about those
// of everybody. It is not the name either that a program gives itself at a
// log-in (session.Session.Client). Nobody logs in by OAuth here.
//
// It must not know HTTP or SQL.
package oauth
