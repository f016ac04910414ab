package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"gatehouse/internal/user"
)

// A device cookie remembers that somebody logged in with this browser as this
// account (OWASP, "Slow down online guessing attacks with device cookies"). It
// opens nothing: it only says whose allowance of tries a log-in uses. Its value
// is a random number and a MAC over it and the log-in id that was typed.
const (
	deviceNonce  = 12
	deviceMAC    = 16
	deviceMaxAge = 365 * 24 * time.Hour
)

func (s *Server) deviceCookieName() string {
	if s.Secure {
		return "__Host-device"
	}
	return "device"
}

// knownDevice returns the number of the browser, if it has logged in with this
// log-in id before.
func (s *Server) knownDevice(r *http.Request, login string) (device string, ok bool) {
	c, err := r.Cookie(s.deviceCookieName())
	if err != nil {
		return "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(b) != deviceNonce+deviceMAC {
		return "", false
	}
	nonce := b[:deviceNonce]
	if !hmac.Equal(b[deviceNonce:], s.deviceMAC(nonce, login)) {
		return "", false
	}
	return hex.EncodeToString(nonce), true
}

// rememberDevice sets the device cookie after a log-in.
func (s *Server) rememberDevice(w http.ResponseWriter, r *http.Request, login string) {
	if _, known := s.knownDevice(r, login); known {
		return
	}
	nonce := make([]byte, deviceNonce)
	rand.Read(nonce) // never fails (crypto/rand)
	value := append(nonce, s.deviceMAC(nonce, login)...)
	http.SetCookie(w, &http.Cookie{
		Name:     s.deviceCookieName(),
		Value:    base64.RawURLEncoding.EncodeToString(value),
		Path:     "/",
		MaxAge:   int(deviceMaxAge.Seconds()),
		HttpOnly: true,
		Secure:   s.Secure,
		SameSite: http.SameSiteLaxMode,
	})
}

func (s *Server) deviceMAC(nonce []byte, login string) []byte {
	key, _ := user.LoginKey(login) // what cannot be an account has no devices
	mac := hmac.New(sha256.New, s.DeviceKey)
	mac.Write(nonce)
	mac.Write([]byte(key))
	return mac.Sum(nil)[:deviceMAC]
}
