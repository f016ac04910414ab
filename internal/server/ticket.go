package server

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// errTicket: the ticket is not one of ours, or its time is over.
var errTicket = errors.New("server: ticket does not count")

// ticket stands for a password that has been checked, while the person decides
// which device to log out. It travels in a hidden field of that page's form,
// never in a URL, and is good for one log-in, to this account, as it was when
// the password was checked: an end of everything, a new password, another role
// or a shut account leave nothing of it.
//
// What it says is signed, by a key that is in the database. So that a copy of that
// logs nobody in, it counts only while Config.Tickets has the hash of all of it.
type ticket struct {
	User     user.ID    `json:"user"`
	Epoch    user.Epoch `json:"epoch"` // as read before the password check
	Login    string     `json:"login"` // as typed
	Remember bool       `json:"remember,omitempty"`
	Next     string     `json:"next,omitempty"`
	// What a program asked for.
	Carrier session.Carrier `json:"carrier,omitempty"`
	Client  string          `json:"client,omitempty"`
	Until   int64           `json:"until"` // Unix ms
	Number  string          `json:"number"`
}

// ticketLife is how long a person may think.
const ticketLife = 2 * time.Minute

// newTicket returns a ticket for a log-in by f to u, whose password has just
// been checked.
func (s *Server) newTicket(u user.User, f loginForm) ticket {
	return ticket{
		User: u.ID, Epoch: u.Epoch,
		Login: f.login, Remember: f.remember, Next: f.next,
		Carrier: f.carrier, Client: f.client,
		Until: s.Now().Add(ticketLife).UnixMilli(),
	}
}

// form returns the log-in form that the ticket continues.
func (t ticket) form() loginForm {
	return loginForm{login: t.Login, remember: t.Remember, next: localPath(t.Next), carrier: t.Carrier, client: t.Client}
}

// issue returns t as text, with a number of its own that Config.Tickets knows:
// each is used once. It is good no longer than the t that it continues.
func (s *Server) issue(ctx context.Context, t ticket) (string, error) {
	t.Number = rand.Text()
	sealed, err := s.seal(t)
	if err != nil {
		return "", err
	}
	return sealed, s.Tickets.Add(ctx, sha256.Sum256([]byte(sealed)), s.Now(), time.UnixMilli(t.Until))
}

// seal returns t as text, signed.
func (s *Server) seal(t ticket) (string, error) {
	payload, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(payload)
	mac, err := s.ticketMAC(text)
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(mac), nil
}

// open is the inverse of seal; it does not use the ticket up. errTicket.
func (s *Server) open(sealed string) (ticket, error) {
	text, signature, _ := strings.Cut(sealed, ".")
	mac, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return ticket{}, errTicket
	}
	want, err := s.ticketMAC(text)
	if err != nil {
		return ticket{}, err
	}
	if !hmac.Equal(mac, want) {
		return ticket{}, errTicket
	}
	var t ticket
	payload, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(payload, &t) != nil || s.Now().UnixMilli() >= t.Until {
		return ticket{}, errTicket
	}
	return t, nil
}

// ticketMAC signs with a key of its own, made from the one that all nodes
// share: nothing else that they sign can pass for a ticket.
func (s *Server) ticketMAC(text string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, s.DeviceKey, nil, "gatehouse log-in ticket", sha256.Size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil), nil
}
