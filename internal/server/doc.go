// Package server owns HTTP: every route in one list (routes.go), the
// middleware, the pages, the JSON API, what other services ask (oauth.go, jwks.go),
// and the one table that turns errors into answers (errors.go). One file per page,
// and per part of the API (api_…).
//
// It decides nothing about accounts, sessions or tokens: handlers parse a form or
// a body, ask user, session, token or oauth, and return a page, a value or an
// error. What a page and the API do alike is a function of its own that both call.
// It must not know SQL, Redis or scs.
package server
