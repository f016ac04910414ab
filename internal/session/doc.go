// Package session is the heart: the record of one log-in on one device, how it
// starts, is checked, touched, renewed and ended, and the contract that a
// session store has to keep (the invariants I1 to I12 of the design).
//
// It must not know SQL, Redis or pages. HTTP appears in cookie.go alone, which
// is also the only file that knows scs.
package session
