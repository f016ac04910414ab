// Package session is the heart: the record of one log-in on one device, how it
// starts, is checked, touched, refreshed, renewed and ended, and the contract that
// a session store has to keep (the invariants I1 to I12 of the design).
//
// It is one session whether a cookie or tokens carry it. Of the tokens this
// package makes and spends those that refresh (bearer.go); access tokens, which
// only name a session, are package token's.
//
// A deadline is decided by one clock, that of the node which is asked: it sets
// the deadlines of the log-ins it takes, moves the idle deadline of the sessions
// it sees, and compares them when it checks. A store that expires records by
// itself does so at the deadline in the record, by its own clock. Where clocks
// disagree by some time, a session ends at most that much early or late, and one
// that anybody has found ended stays so for all. Ends and epochs go by no clock.
//
// It must not know SQL, Redis or pages. HTTP appears in cookie.go alone, which
// is also the only file that knows scs.
package session
