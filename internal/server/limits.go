package server

import (
	"net/http"

	"gatehouse/internal/limit"
)

// take reserves a try under rule, or returns *tooManyError.
func (s *Server) take(r *http.Request, rule limit.Rule, key string) error {
	wait, err := s.Limiter.Take(r.Context(), rule, key)
	if err != nil {
		return err
	}
	if wait > 0 {
		return &tooManyError{wait: wait, bucket: rule.Name + " " + key}
	}
	return nil
}

// takeRefresh reserves a use of a refresh token: of a session's tokens from that
// session's allowance, so that no stranger behind the same address keeps its
// holder from refreshing; of what is no token of ours, from the address's.
func (s *Server) takeRefresh(r *http.Request, token string) error {
	if id, err := s.Sessions.RefreshOf(token); err == nil {
		return s.take(r, limit.RefreshSession, string(id))
	}
	return s.take(r, limit.RefreshAddress, limit.AddressKey(exchangeOf(r.Context()).ip))
}

// takeLogin reserves a try to log in as login, before any password is checked.
// A browser that has logged in to this account before has an allowance of its
// own: no stranger, not even one behind the same address, can use it up.
func (s *Server) takeLogin(r *http.Request, login string) error {
	if device, ok := s.knownDevice(r, login); ok {
		return s.take(r, limit.LoginDevice, limit.DeviceKey(login, device))
	}
	ip := exchangeOf(r.Context()).ip
	if err := s.take(r, limit.LoginAddress, limit.AddressKey(ip)); err != nil {
		return err
	}
	return s.take(r, limit.LoginAccount, limit.AccountKey(login, ip))
}
