package server

import (
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/session"
)

// translator returns the one for the request's language.
func (s *Server) translator(r *http.Request) *translator {
	return s.texts.of(exchangeOf(r.Context()).lang)
}

// base returns what the layout shows around every page.
func (s *Server) base(r *http.Request, title string, section Section) Base {
	x := exchangeOf(r.Context())
	b := Base{
		Lang:      x.lang,
		Title:     title,
		Path:      r.URL.RequestURI(),
		RequestID: x.requestID(),
		Now:       s.Now(),
		Section:   section,
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		b.Path = "/" // a posted form cannot be returned to
	}
	if mine := me(r); mine.ID != "" {
		b.Me = s.translator(r).me(mine)
	}
	return b
}

// me returns whose session it is.
func (t *translator) me(mine session.Session) *Me {
	return &Me{
		Username: mine.Username,
		SignedIn: t.T("signed_in_as", "Name", mine.Username),
		Session:  mine.ID.Short(),
		Admin:    mine.Role == "admin",
	}
}

// form reads the posted form. Its fields are then in r.PostForm.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	return nil
}

// badForm keeps "too large" apart from "not a form".
func badForm(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return errBadForm
}

// flashKey is where the session keeps a message for the next page.
const flashKey = "flash"

// setFlash keeps a message for the page that the person is sent to.
func (s *Server) setFlash(r *http.Request, good bool, text template.HTML) {
	mark := "-"
	if good {
		mark = "+"
	}
	s.cookies.Put(r.Context(), flashKey, mark+string(text))
}

// flash takes the message out of the session; nil if there is none.
func (s *Server) flash(r *http.Request) *Flash {
	mark, text := "", s.cookies.PopString(r.Context(), flashKey)
	if text == "" {
		return nil
	}
	mark, text = text[:1], text[1:]
	return &Flash{Good: mark == "+", Text: template.HTML(text)} // translated and escaped by setFlash's caller
}

// tooMany says how long to wait.
func (t *translator) tooMany(wait time.Duration) string {
	seconds, _ := strconv.Atoi(waitSeconds(&tooManyError{wait: wait}))
	return t.T("too_many", "Wait", t.duration(time.Duration(seconds)*time.Second))
}

// isLoginPage reports whether next is our log-in page, with or without a query.
func isLoginPage(next string) bool {
	return next == "/login" || strings.HasPrefix(next, "/login?")
}
