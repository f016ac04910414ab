package server

import (
	"errors"
	"net/http"
	"strconv"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

type signUpBody struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Email    string `json:"email,omitempty"`
	Name     string `json:"name,omitempty"`
}

// apiSignUp makes an account. It starts no session: which carrier the program
// wants it says at the log-in.
func (s *Server) apiSignUp(w http.ResponseWriter, r *http.Request) error {
	if !s.SignUp {
		s.afterwards(r, func(r *http.Request) { s.noteRefusedSignUp(r, errSignUpClosed) })
		return errSignUpClosed
	}
	var b signUpBody
	if err := decode(r, &b); err != nil {
		return err
	}
	u, err := s.newAccount(r, user.SignUp{Username: b.Username, Password: b.Password, Email: b.Email, Name: b.Name})
	if err != nil {
		s.afterwards(r, func(r *http.Request) { s.noteRefusedSignUp(r, err) })
		return err
	}
	return reply(w, http.StatusCreated, struct {
		Username string    `json:"username"`
		Name     string    `json:"name"`
		Role     user.Role `json:"role"`
	}{u.Username, u.Name, u.Role})
}

type loginBody struct {
	Username string `json:"username"` // or e-mail address
	Password string `json:"password"`
	Carrier  string `json:"carrier,omitempty"` // none: cookie
	Remember bool   `json:"remember,omitempty"`
	Client   string `json:"client,omitempty" max:"60"` // a name for lists
}

// apiLogin checks the password and starts a session, under the rules of the
// page.
func (s *Server) apiLogin(w http.ResponseWriter, r *http.Request) error {
	var b loginBody
	if err := decode(r, &b); err != nil {
		return err
	}
	f := loginForm{login: b.Username, password: b.Password, remember: b.Remember, carrier: session.Carrier(b.Carrier), client: b.Client}
	switch f.carrier {
	case "", session.Cookie, session.Bearer:
	default:
		return flaws{{member: "carrier", key: "carrier_wrong"}}
	}
	if missing := f.missing(); len(missing) > 0 {
		return user.Invalid(missing)
	}
	in, err := s.logIn(w, r, f)
	return s.apiLoggedIn(w, r, in, err, func() ticket { return s.newTicket(in.user, f) })
}

type chooseBody struct {
	Ticket string   `json:"ticket"` // from the problem session-limit
	End    []string `json:"end"`    // session ids
}

// apiLoginByTicket goes on with a log-in for which there was no room.
func (s *Server) apiLoginByTicket(w http.ResponseWriter, r *http.Request) error {
	var b chooseBody
	if err := decode(r, &b); err != nil {
		return err
	}
	var wrong flaws
	for i, text := range b.End {
		if _, err := session.ParseID(text); err != nil && len(wrong) < maxFlaws {
			wrong = append(wrong, flaw{member: "end", index: strconv.Itoa(i), key: "session_id_wrong"})
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	t, in, err := s.resumeLogin(w, r, b.Ticket, b.End)
	return s.apiLoggedIn(w, r, in, err, func() ticket { return t })
}

// apiLoggedIn answers a log-in that came to in and err. ask returns the ticket with
// which one that has found no room can go on.
func (s *Server) apiLoggedIn(w http.ResponseWriter, r *http.Request, in loggedIn, err error, ask func() ticket) error {
	switch {
	case errors.Is(err, session.ErrLimit):
		return s.noRoomFor(r, in.user, ask)
	case err != nil:
		return err
	case in.tokens != nil:
		return reply(w, http.StatusOK, in.tokens)
	}
	return reply(w, http.StatusOK, meView(in.user, exchangeOf(r.Context()).session))
}

// noRoom is session.ErrLimit with the way on, if there is one.
type noRoom struct{ apiRoom }

// Error implements error.
func (e *noRoom) Error() string { return session.ErrLimit.Error() }

// Unwrap makes errors.Is(err, session.ErrLimit) true.
func (e *noRoom) Unwrap() error { return session.ErrLimit }

// noRoomFor returns a *noRoom for u, whose password has been checked.
func (s *Server) noRoomFor(r *http.Request, u user.User, ask func() ticket) error {
	room := &noRoom{apiRoom{Limit: s.Sessions.Limits().PerUser}}
	if !s.AtLimit.asks() {
		return room
	}
	list, err := s.Sessions.List(r.Context(), u.ID)
	if err != nil {
		return err
	}
	room.Sessions = sessionViews(list, "")
	if room.Ticket, err = s.issue(r.Context(), ask()); err != nil {
		return err
	}
	return room
}

// apiLogout ends the request's session. One that has ended, or is none, is what
// the program wanted.
func (s *Server) apiLogout(w http.ResponseWriter, r *http.Request) error {
	if err := decode(r, &struct{}{}); err != nil {
		return err
	}
	r, receipt, err := s.endThis(r)
	if err != nil {
		return err
	}
	s.forget(w, r)
	return reply(w, http.StatusOK, receiptView(receipt))
}

// apiMe says whose session the request carries.
func (s *Server) apiMe(w http.ResponseWriter, r *http.Request) error {
	mine := me(r) // what it says of the account is true: a change would have ended it
	name, err := s.names.of(r.Context(), mine.User)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, apiMe{mine.Username, name, mine.Role, mine.ID})
}

type passwordBody struct {
	Current  string `json:"current"`
	Password string `json:"password"` // the new one
}

// apiPassword changes the password, ends all other sessions and gives this one
// a new token.
func (s *Server) apiPassword(w http.ResponseWriter, r *http.Request) error {
	var b passwordBody
	if err := decode(r, &b); err != nil {
		return err
	}
	if me(r).Carrier == session.Bearer { // before there is no way back
		if err := s.Issuer.Ready(); err != nil {
			return err
		}
	}
	epoch, receipt, err := s.newPassword(r, b.Current, b.Password)
	if err != nil {
		return err
	}
	changed := apiPasswordChanged{apiReceipt: receiptView(receipt)}
	if changed.SessionID, changed.apiTokens, err = s.renew(w, r, epoch); err != nil {
		return err
	}
	return reply(w, http.StatusOK, changed)
}

// renew gives the request's session a new token, in the cookie or in what it
// returns.
func (s *Server) renew(w http.ResponseWriter, r *http.Request, epoch user.Epoch) (session.ID, *apiTokens, error) {
	if me(r).Carrier != session.Bearer {
		renewed, err := s.cookies.Renew(r.Context(), w, epoch)
		return renewed.ID, nil, err
	}
	renewed, refresh, err := s.Sessions.RenewBearer(r.Context(), me(r), epoch)
	if err != nil {
		return "", nil, err
	}
	session.Leave(r.Context()) // of the id that it went by
	given, err := s.tokens(renewed, refresh)
	return renewed.ID, given, err
}
