package server

import (
	"errors"
	"net/http"
	"net/url"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// showSetup shows the form behind the one-time link of the first start.
func (s *Server) showSetup(w http.ResponseWriter, r *http.Request) error {
	code := r.URL.Query().Get("code")
	if err := s.Users.CheckSetupCode(r.Context(), code); err != nil {
		return err
	}
	return s.setupPage(w, r, http.StatusOK, code, user.SignUp{}, nil)
}

// setup makes the first administrator and logs in.
func (s *Server) setup(w http.ResponseWriter, r *http.Request) error {
	f, err := parseSignUp(r)
	if err != nil {
		return err
	}
	code := r.PostForm.Get("code")
	if code == "" { // posted to the link itself
		code = r.URL.Query().Get("code")
	}
	u, err := s.Users.Setup(r.Context(), code, f)
	again := false
	if errors.Is(err, user.ErrSetupClosed) {
		// By this very form, perhaps: the account was made and then the session
		// store did not answer, or the button was pressed twice.
		if same, ok := s.submittedTwice(r, f); ok && same.IsAdmin() {
			u, err, again = same, nil, true
		}
	}
	var invalid user.Invalid
	if errors.As(err, &invalid) {
		return s.setupPage(w, r, http.StatusUnprocessableEntity, code, f, s.translator(r).invalid(invalid, s.policyArgs()...))
	}
	if err != nil {
		return err
	}
	if !again {
		s.note(r, audit.Event{Kind: audit.Setup, User: u.ID, Actor: u.ID})
	}
	if err := s.startSession(w, r, session.New{User: u, Replace: true}); err != nil {
		return err
	}
	s.rememberDevice(w, r, f.Username)
	return seeOther(w, "/mypage")
}

func (s *Server) setupPage(w http.ResponseWriter, r *http.Request, status int, code string, f user.SignUp, errs map[string]string) error {
	base := s.base(r, s.translator(r).T("title_setup"), Section{})
	base.Path = "/setup?" + url.Values{"code": {code}}.Encode()
	return s.views.render(w, status, "setup", SignUpPage{
		Base:        base,
		Form:        signUpValues(f, errs),
		Code:        code,
		MinPassword: s.Policy.MinPassword(),
		MaxPassword: user.MaxPassword,
	})
}
