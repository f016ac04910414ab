package server

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/audit"
	"gatehouse/internal/limit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
)

// Config is what a Server is made of. Every field is needed.
type Config struct {
	PublicURL      *url.URL // scheme and host under which browsers reach us
	SignUp         bool     // people may sign up by themselves
	Policy         user.Policy
	AtLimit        AtLimit        // what a log-in beyond Sessions' limit does
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts
	CORSOrigins    []string       // whose pages may use the API, as browsers write them in Origin
	CookieName     string
	Secure         bool   // cookies are marked Secure
	DeviceKey      []byte // signs device cookies; the same on every node

	Users     *user.Service
	UserStore user.Store
	Tickets   user.Tickets // log-ins that wait for the person
	Sessions  *session.Manager
	Hub       *session.Hub // tells open pages of ends; whoever made it runs it
	Audit     audit.Log
	Limiter   limit.Limiter
	Issuer    *token.Issuer
	Verifier  *token.Verifier
	Keyring   *token.Keyring // of both; whoever made it runs it
	Clients   oauth.Clients  // other services that may ask about tokens
	Web       fs.FS          // templates/, static/, locales/, api/

	// Ready are the stores that /readyz asks, by name.
	Ready map[string]func(context.Context) error

	Log *slog.Logger
	Now func() time.Time
}

// Server answers HTTP requests. Make it with New.
type Server struct {
	Config
	cookies *session.Cookies
	names   *names
	noted   limit.Limiter // how often visitors may appear in the audit log
	origin  *originCheck
	texts   translators
	views   *views
	assets  *static
	router  *chi.Mux
	handler http.Handler // router, and what stands in front of it

	document []byte // the OpenAPI document

	beat    time.Duration  // heartbeat
	pending sync.WaitGroup // afterwards
	slots   chan struct{}
}

// New returns a server, or an error if the pages cannot be built.
func New(c Config) (*Server, error) {
	s := &Server{
		Config:  c,
		cookies: session.NewCookies(c.Sessions, c.CookieName, c.Secure),
		names:   newNames(c.UserStore),
		noted:   limit.NewMemory(0, c.Now),
		origin:  newOriginCheck(c.PublicURL),
		slots:   make(chan struct{}, atOnceAfterwards),
		beat:    heartbeat,
	}
	for dir, load := range map[string]func(fs.FS) error{
		"locales": func(f fs.FS) (err error) { s.texts, err = newTranslators(f); return },
		"static":  func(f fs.FS) (err error) { s.assets, err = newStatic(f); return },
	} {
		sub, err := fs.Sub(c.Web, dir)
		if err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		if err := load(sub); err != nil {
			return nil, err
		}
	}
	templates, err := fs.Sub(c.Web, "templates")
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if s.views, err = newViews(templates, s.texts, s.assets); err != nil {
		return nil, err
	}
	if s.document, err = readOpenAPI(c.Web); err != nil {
		return nil, err
	}
	s.router = s.routes()
	s.handler = s.begin(s.router)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
