// Package sqldb keeps accounts, the ledger of ends, the audit log, shared
// secrets, signing keys, the services that may ask about tokens, and the sessions
// of the embedded default in PostgreSQL or SQLite, with one set of queries for
// both.
//
// It decides nothing about people, sessions or tokens: rules live in user,
// session, token and oauth, tables in migrations. It must not know HTTP or Redis.
//
// Placeholders are numbered in the order of their first use and each number is
// used once: SQLite drivers bind anything else wrongly, and silently.
//
// Some questions go round database/sql, because they come with every request or
// every page and because they can: in SQLite the check of a session, its user,
// what has happened to them of late and what other sessions they have (direct.go,
// shortcut.go). They read the file where it is mapped into memory (mapped.go).
//
// Transactions take locks in one order, so that they cannot wait for each
// other in a ring: the turn of the administrators, everyone, users, sessions,
// the turn of the ledger.
package sqldb
