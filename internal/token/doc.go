// Package token owns access tokens: the signed statement (a JWT of RFC 9068)
// with which a client of the API says which session it belongs to, and the keys
// that sign it. The session stays the one truth: an access token says nothing
// about whether the session is still alive, and whoever accepts one here asks the
// session store as well.
//
// An [Issuer] signs, a [Verifier] checks, a [Keyring] holds the keys of both,
// and [Keys] is the contract that a database has to keep for them. Only public
// key signatures exist: there is no algorithm with a shared secret to configure,
// so there can be no weak one.
//
// # Life of a key
//
// A key is announced, signs, is retired and goes, and all of it follows from
// the list of keys and the clock (schedule.go), so that nodes agree without
// talking to each other. It is published [Announce] before it signs; it signs
// until the next key does; it verifies until the last token signed by it has
// expired. Revoking removes it at once: nodes notice within [ReloadEvery].
//
// It must not know HTTP or SQL.
package token
