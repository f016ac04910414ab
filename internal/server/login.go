package server

import (
	"errors"
	"net/http"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// loginForm is what is typed at /login, or sent by a program.
type loginForm struct {
	login    string // username or e-mail address
	password string
	remember bool
	next     string // "" or a path on this site
	// Of a program alone.
	carrier session.Carrier // "": cookie
	client  string
}

func parseLogin(r *http.Request) (loginForm, error) {
	if err := form(r); err != nil {
		return loginForm{}, err
	}
	return loginForm{
		login:    r.PostForm.Get("username"),
		password: r.PostForm.Get("password"),
		remember: r.PostForm.Get("remember") != "",
		next:     localPath(r.PostForm.Get("next")),
	}, nil
}

// after returns where a log-in leads.
func (f loginForm) after() string {
	if f.next == "" || f.next == "/" {
		return "/mypage"
	}
	return f.next
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) error {
	f := loginForm{next: localPath(r.URL.Query().Get("next"))}
	if me(r).ID != "" {
		return seeOther(w, f.after())
	}
	why, _ := session.ParseReason(r.URL.Query().Get("ended"))
	return s.loginPage(w, r, http.StatusOK, f, why, nil)
}

// login checks the password and starts a session.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	f, err := parseLogin(r)
	if err != nil {
		return err
	}
	if missing := f.missing(); len(missing) > 0 {
		return s.loginPage(w, r, http.StatusUnprocessableEntity, f, "", s.translator(r).invalid(missing))
	}
	in, err := s.logIn(w, r, f)
	switch {
	case errors.Is(err, session.ErrLimit) && s.AtLimit.asks():
		return s.askWhichToEnd(w, r, s.newTicket(in.user, f))
	case err != nil:
		return s.refusedLogin(w, r, f, err)
	}
	return seeOther(w, f.after())
}

// loggedIn is what a log-in has come to.
type loggedIn struct {
	user   user.User
	tokens *apiTokens // nil: a cookie was set
}

// logIn checks the password and starts the session: the errors of checkLogin,
// session.ErrEpoch, and session.ErrLimit, for which alone the user counts.
func (s *Server) logIn(w http.ResponseWriter, r *http.Request, f loginForm) (in loggedIn, err error) {
	defer func() { s.observeLogIn(f.carrier, err) }()
	if in.user, err = s.checkLogin(r, f); err != nil {
		return in, err
	}
	in.tokens, err = s.startLogin(w, r, in.user, f)
	if errors.Is(err, session.ErrLimit) {
		s.noteFull(r, in.user.ID, s.AtLimit.asks())
	}
	return in, err
}

// checkLogin reserves a try and checks the password: *tooManyError,
// user.ErrCredentials, user.ErrBusy.
func (s *Server) checkLogin(r *http.Request, f loginForm) (user.User, error) {
	if err := s.takeLogin(r, f.login); err != nil {
		s.afterwards(r, func(r *http.Request) { s.noteLimitedLogin(r, f.login, err) })
		return user.User{}, s.linger(r, err)
	}
	u, err := s.Users.Authenticate(r.Context(), f.login, f.password)
	if err != nil {
		s.afterwards(r, func(r *http.Request) { s.noteFailedLogin(r, err) })
		return u, s.linger(r, err)
	}
	return u, nil
}

// startLogin starts the session of a log-in whose password has been checked. It
// sets a cookie or returns tokens.
func (s *Server) startLogin(w http.ResponseWriter, r *http.Request, u user.User, f loginForm) (*apiTokens, error) {
	n := session.New{User: u, Remember: f.remember, Replace: s.AtLimit == ReplaceOldest, Client: f.client}
	if f.carrier == session.Bearer {
		return s.startBearer(r, n)
	}
	if err := s.startSession(w, r, n); err != nil {
		return nil, err
	}
	s.rememberDevice(w, r, f.login)
	return nil, nil
}

func (f loginForm) missing() map[string]string {
	missing := map[string]string{}
	if f.login == "" {
		missing["username"] = "username_required"
	}
	if f.password == "" {
		missing["password"] = "password_required"
	}
	return missing
}

// refusedLogin shows the page again where trying again makes sense.
func (s *Server) refusedLogin(w http.ResponseWriter, r *http.Request, f loginForm, err error) error {
	t := s.translator(r)
	var many *tooManyError
	switch {
	case errors.Is(err, user.ErrBusy):
		w.Header().Set("Retry-After", retryAfter)
		return s.loginPage(w, r, http.StatusServiceUnavailable, f, "", map[string]string{"": t.T("busy")})
	case errors.Is(err, user.ErrCredentials):
		return s.loginPage(w, r, http.StatusUnauthorized, f, "", map[string]string{"": t.T("login_failed")})
	case errors.Is(err, session.ErrEpoch): // put out while logging in
		return s.loginPage(w, r, http.StatusConflict, f, "", map[string]string{"": t.T("login_again")})
	case errors.Is(err, session.ErrLimit):
		return s.loginPage(w, r, http.StatusConflict, f, "", map[string]string{"": t.T("login_denied", "Count", s.Sessions.Limits().PerUser)})
	case errors.Is(err, errTicket):
		return s.loginPage(w, r, http.StatusConflict, f, "", map[string]string{"": t.T("ticket_over")})
	case errors.As(err, &many):
		w.Header().Set("Retry-After", waitSeconds(err))
		return s.loginPage(w, r, http.StatusTooManyRequests, f, "", map[string]string{"": t.tooMany(many.wait)})
	}
	return err
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request, status int, f loginForm, why session.Reason, errs map[string]string) error {
	values := map[string]string{"username": f.login, "next": f.next}
	if f.remember {
		values["remember"] = "on"
	}
	base := s.base(r, s.translator(r).T("title_login"), Section{})
	if r.Method == http.MethodPost {
		base.Path = loginURL(f.next, "")
	}
	return s.views.render(w, status, "login", LoginPage{
		Base:   base,
		Form:   Form{Values: values, Errors: errs},
		Notice: why,
		SignUp: s.SignUp,

		RememberLifetime: s.Sessions.Limits().RememberLifetime,
		RememberIdle:     s.Sessions.Limits().RememberIdle,
	})
}
