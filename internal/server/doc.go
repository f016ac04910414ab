// Package server owns HTTP: every route in one list (routes.go), the
// middleware, the pages, and the one table that turns errors into answers
// (errors.go). One file per page.
//
// It decides nothing about accounts or sessions: handlers parse a form, ask
// user or session, and return a page or an error. It must not know SQL, Redis
// or scs.
package server
