package server

import (
	"fmt"
	"net/http"
	"time"

	"gatehouse/internal/token"
)

// jwksAge is how long others may keep the list of keys. A key signs no sooner
// than token.Announce after it was added, and a node has it in its list within
// token.ReloadEvery, so a copy that has to know it is never too old.
const jwksAge = time.Minute

const _ = uint(token.Announce - token.ReloadEvery - jwksAge) // does not compile if negative

// jwks answers with the public keys of access tokens (RFC 7517), for services
// that check them by themselves.
func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(jwksAge.Seconds())))
	h["Vary"] = nil // the same for everybody
	_, err := w.Write(s.Keyring.JWKS())
	return err
}
