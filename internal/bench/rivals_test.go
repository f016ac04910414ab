package bench

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/golang-jwt/jwt/v5"

	"gatehouse/internal/measure"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// What Gatehouse is compared with. Each is a process of its own: this test
// binary, started once more with roleEnv.
const (
	roleEnv  = "BENCH_ROLE"
	redisEnv = "BENCH_REDIS" // URL, for the stock ones

	roleEmpty     = "empty"
	roleHS256     = "hs256"
	roleEd25519   = "ed25519"
	roleStock     = "stock"
	roleStockIdle = "stock-idle"
)

// startRival starts the server of a role.
func startRival(t testing.TB, core int, role, redisURL string) *server {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	dir := testenv.TempDir(t)
	return startServer(t, core, dir, []string{roleEnv + "=" + role, redisEnv + "=" + redisURL}, self, dir)
}

// serveRival serves a role until the process is killed.
func serveRival(role string) error {
	handler, err := rival(role)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("%s is listening on %s:\n", role, l.Addr())
	// Timeouts as in cmd/gatehouse: nobody puts a server on the net without.
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	return s.Serve(l)
}

func rival(role string) (http.Handler, error) {
	switch role {
	case roleEmpty:
		return whoAmI(func(*http.Request) string { return "minjun07" }), nil
	case roleHS256:
		return jwtHandler(jwt.SigningMethodHS256, hmacKey), nil
	case roleEd25519:
		return jwtHandler(jwt.SigningMethodEdDSA, edKey.Public()), nil
	case roleStock:
		return stockHandler(0), nil
	case roleStockIdle:
		return stockHandler(measure.Limits.Idle), nil
	}
	return nil, fmt.Errorf("bench: no role %q", role)
}

// whoAmI answers who is signed in, or 401.
func whoAmI(who func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := who(r)
		if name == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := json.Marshal(struct {
			Username string `json:"username"`
		}{name})
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	})
}

// Keys that the handlers and whoever signs for them agree on.
var (
	hmacKey = []byte("an HMAC key of thirty-two bytes.")
	edKey   = ed25519.NewKeyFromSeed([]byte("an Ed25519 seed of 32 bytes, ok."))
)

// claims is what a session record holds, as a JWT would carry it.
type claims struct {
	jwt.RegisteredClaims
	Username string `json:"username"`
	Role     string `json:"role"`
}

// jwtHandler verifies a bearer token as the documentation of golang-jwt says.
func jwtHandler(method jwt.SigningMethod, key any) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{method.Alg()}), jwt.WithExpirationRequired())
	keyFunc := func(*jwt.Token) (any, error) { return key, nil }
	return whoAmI(func(r *http.Request) string {
		text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return ""
		}
		var c claims
		if _, err := parser.ParseWithClaims(text, &c, keyFunc); err != nil {
			return ""
		}
		return c.Username
	})
}

// signJWT returns a token of u for jwtHandler.
func signJWT(method jwt.SigningMethod, key any, u user.User) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(method, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   string(u.ID),
			ID:        measure.NewToken(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(measure.Limits.Lifetime)),
		},
		Username: u.Username,
		Role:     string(u.Role),
	}).SignedString(key)
}

// stockHandler is chi, scs and redisstore as their documentation joins them.
func stockHandler(idle time.Duration) http.Handler {
	sessions, _ := measure.Stock(os.Getenv(redisEnv), idle)
	r := chi.NewRouter()
	r.Use(sessions.LoadAndSave)
	r.Get("/", whoAmI(func(r *http.Request) string {
		return sessions.GetString(r.Context(), "username")
	}).ServeHTTP)
	return r
}
