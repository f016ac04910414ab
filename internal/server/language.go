package server

import (
	"net/http"
	"time"
)

// setLanguage keeps the chosen language in a cookie, for a year.
func (s *Server) setLanguage(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	if lang, ok := parseLanguage(r.PostForm.Get("lang")); ok {
		http.SetCookie(w, &http.Cookie{
			Name:     languageCookie,
			Value:    lang,
			Path:     "/",
			MaxAge:   int((365 * 24 * time.Hour).Seconds()),
			HttpOnly: true,
			Secure:   s.Secure,
			SameSite: http.SameSiteLaxMode,
		})
	}
	next := r.PostForm.Get("next")
	if isLoginPage(next) { // localPath refuses it as a goal of log-in; as a goal of this it is fine
		return seeOther(w, next)
	}
	if next = localPath(next); next == "" {
		next = "/"
	}
	return seeOther(w, next)
}
