// Package audit owns the record of what happened to accounts: log-ins,
// failures, ends, changes. It must not know HTTP or SQL, and nothing secret
// ever enters an [Event].
package audit
