package server

import (
	"errors"
	"net/http"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func (s *Server) showSignUp(w http.ResponseWriter, r *http.Request) error {
	if me(r).ID != "" {
		return seeOther(w, "/mypage")
	}
	if !s.SignUp {
		return s.signUpPage(w, r, http.StatusForbidden, user.SignUp{}, nil)
	}
	return s.signUpPage(w, r, http.StatusOK, user.SignUp{}, nil)
}

// signUp makes an account and logs in to it.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) error {
	if !s.SignUp {
		s.afterwards(r, func(r *http.Request) { s.noteRefusedSignUp(r, errSignUpClosed) })
		return s.signUpPage(w, r, http.StatusForbidden, user.SignUp{}, nil)
	}
	f, err := parseSignUp(r)
	if err != nil {
		return err
	}
	u, err := s.newAccount(r, f)
	if usernameTaken(err) {
		if same, ok := s.submittedTwice(r, f); ok {
			u, err = same, nil
		}
	}
	if err != nil {
		return s.refusedSignUp(w, r, f, err)
	}
	// Only the first press of the button can have filled the places.
	if err := s.startSession(w, r, session.New{User: u, Replace: true}); err != nil {
		return err
	}
	s.rememberDevice(w, r, f.Username)
	return seeOther(w, "/mypage")
}

// newAccount makes an account for somebody who signs up: user.Invalid,
// *tooManyError, user.ErrBusy.
func (s *Server) newAccount(r *http.Request, f user.SignUp) (user.User, error) {
	if err := s.take(r, limit.SignUpAddress, limit.AddressKey(exchangeOf(r.Context()).ip)); err != nil {
		return user.User{}, s.linger(r, err)
	}
	u, err := s.Users.SignUp(r.Context(), f)
	if err != nil {
		return user.User{}, s.linger(r, err)
	}
	s.note(r, audit.Event{Kind: audit.SignUp, User: u.ID, Actor: u.ID})
	return u, nil
}

func parseSignUp(r *http.Request) (user.SignUp, error) {
	if err := form(r); err != nil {
		return user.SignUp{}, err
	}
	return user.SignUp{
		Username: r.PostForm.Get("username"),
		Password: r.PostForm.Get("password"),
		Email:    r.PostForm.Get("email"),
		Name:     r.PostForm.Get("name"),
	}, nil
}

func usernameTaken(err error) bool {
	var invalid user.Invalid
	return errors.As(err, &invalid) && invalid["username"] == "username_taken"
}

// taken reports whether somebody tried what is somebody else's.
func taken(err error) bool {
	var invalid user.Invalid
	return usernameTaken(err) || errors.As(err, &invalid) && invalid["email"] == "email_taken"
}

// doubleSubmit is how long after a sign-up the same form counts as the same
// press of the button.
const doubleSubmit = time.Minute

// submittedTwice returns the account that this very form has just made: the
// same name and password, a moment ago. It costs a try to log in.
func (s *Server) submittedTwice(r *http.Request, f user.SignUp) (user.User, bool) {
	if s.takeLogin(r, f.Username) != nil {
		return user.User{}, false
	}
	u, err := s.Users.Authenticate(r.Context(), f.Username, f.Password)
	if err != nil || s.Now().Sub(u.CreatedAt) > doubleSubmit {
		return user.User{}, false
	}
	return u, true
}

func (s *Server) refusedSignUp(w http.ResponseWriter, r *http.Request, f user.SignUp, err error) error {
	s.afterwards(r, func(r *http.Request) { s.noteRefusedSignUp(r, err) })
	t := s.translator(r)
	var invalid user.Invalid
	var many *tooManyError
	switch {
	case errors.Is(err, user.ErrBusy):
		w.Header().Set("Retry-After", retryAfter)
		return s.signUpPage(w, r, http.StatusServiceUnavailable, f, map[string]string{"": t.T("busy")})
	case errors.As(err, &invalid):
		return s.signUpPage(w, r, http.StatusUnprocessableEntity, f, t.invalid(invalid, s.policyArgs()...))
	case errors.As(err, &many):
		w.Header().Set("Retry-After", waitSeconds(err))
		return s.signUpPage(w, r, http.StatusTooManyRequests, f, map[string]string{"": t.tooMany(many.wait)})
	}
	return err
}

// policyArgs are the numbers that messages about passwords mention.
func (s *Server) policyArgs() []any {
	return []any{"Min", s.Policy.MinPassword(), "Max", user.MaxPassword}
}

func (s *Server) signUpPage(w http.ResponseWriter, r *http.Request, status int, f user.SignUp, errs map[string]string) error {
	base := s.base(r, s.translator(r).T("title_signup"), Section{})
	base.Path = "/signup"
	return s.views.render(w, status, "signup", SignUpPage{
		Base:        base,
		Form:        signUpValues(f, errs),
		MinPassword: s.Policy.MinPassword(),
		MaxPassword: user.MaxPassword,
		Closed:      !s.SignUp,
	})
}

func signUpValues(f user.SignUp, errs map[string]string) Form {
	return Form{
		Values: map[string]string{"username": f.Username, "email": f.Email, "name": f.Name},
		Errors: errs,
	}
}
