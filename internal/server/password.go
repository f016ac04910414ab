package server

import (
	"errors"
	"fmt"
	"net/http"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func (s *Server) showPassword(w http.ResponseWriter, r *http.Request) error {
	return s.passwordPage(w, r, http.StatusOK, nil)
}

// changePassword changes the password, ends all other sessions and gives this
// one a new token.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	epoch, receipt, err := s.newPassword(r, r.PostForm.Get("current"), r.PostForm.Get("password"))
	if err != nil {
		return s.refusedPassword(w, r, err)
	}
	s.setFlash(r, true, s.translator(r).HTML("flash_password_changed", "Count", receipt.Ended))
	if _, err := s.cookies.Renew(r.Context(), w, epoch); err != nil {
		return err
	}
	return seeOther(w, "/mypage")
}

// newPassword changes the password of who knows the current one and ends all
// other sessions. The request's own has then to be renewed with epoch (I9).
// user.Invalid, *tooManyError, user.ErrChanged, user.ErrBusy; errHalfPassword if
// the others could not be ended.
func (s *Server) newPassword(r *http.Request, current, next string) (epoch user.Epoch, receipt session.Receipt, err error) {
	mine := me(r)
	if err := s.take(r, limit.PasswordChange, string(mine.User)); err != nil {
		s.notePassword(r, mine.User, err)
		return epoch, receipt, err
	}
	change := user.Change{Actor: mine.User, At: s.Now(), Keep: string(mine.ID)}
	_, epoch, err = s.Users.ChangePassword(r.Context(), mine.User, current, next, change)
	if err != nil {
		s.notePassword(r, mine.User, err)
		return epoch, receipt, err
	}
	receipt, err = s.Sessions.EndUserAt(r.Context(), mine.User, epoch, mine.ID, session.Why{Reason: session.Password, Actor: mine.User})
	s.noteEnd(r, audit.Event{Kind: audit.PasswordChange, User: mine.User, Actor: mine.User}, receipt, err)
	if err != nil {
		return epoch, receipt, fmt.Errorf("%w: %v", errHalfPassword, err)
	}
	return epoch, receipt, nil
}

// wrongCurrent reports whether somebody at an open session did not know the
// password.
func wrongCurrent(err error) bool {
	var invalid user.Invalid
	return errors.As(err, &invalid) && invalid["current"] == "current_wrong"
}

func (s *Server) refusedPassword(w http.ResponseWriter, r *http.Request, err error) error {
	t := s.translator(r)
	var invalid user.Invalid
	var many *tooManyError
	switch {
	case errors.As(err, &invalid):
		return s.passwordPage(w, r, http.StatusUnprocessableEntity, t.invalid(invalid, s.policyArgs()...))
	case errors.As(err, &many):
		w.Header().Set("Retry-After", waitSeconds(err))
		return s.passwordPage(w, r, http.StatusTooManyRequests, map[string]string{"": t.tooMany(many.wait)})
	}
	return err
}

func (s *Server) passwordPage(w http.ResponseWriter, r *http.Request, status int, errs map[string]string) error {
	base := s.signedInBase(r, "title_password", Section{Password: true})
	base.Path = "/mypage/password"
	return s.views.render(w, status, "password", PasswordPage{
		Base:        base,
		Form:        Form{Errors: errs},
		Username:    me(r).Username,
		MinPassword: s.Policy.MinPassword(),
		MaxPassword: user.MaxPassword,
	})
}

// changePasswordURL is where password managers look (W3C, "A Well-Known URL for
// Changing Passwords").
func (s *Server) changePasswordURL(w http.ResponseWriter, _ *http.Request) error {
	return seeOther(w, "/mypage/password")
}
