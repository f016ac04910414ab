package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/limit"
	"gatehouse/internal/server"
	"gatehouse/internal/session"
	"gatehouse/internal/token"
	"gatehouse/internal/user"
	"gatehouse/web"
)

type serveCmd struct {
	config.Serve
	AcceptOlderDatabase bool `name:"accept-older-database" help:"After restoring the database from a backup: go on although Redis has seen ends that the database has forgotten. Ends every session, because nobody knows any more which of them had ended."`
}

// How long the server waits for clients, and for itself when it stops.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	keepAliveTimeout  = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	stopTimeout       = 20 * time.Second
)

// Run serves until ctx ends, then finishes the requests in flight.
func (c serveCmd) Run(ctx context.Context, p program) (err error) {
	conf, err := c.Serve.Resolve(p.environ)
	if err != nil {
		return usageError{err}
	}
	log, flush := p.logger(conf.LogJSON)
	defer flush()
	for _, name := range conf.Unknown {
		log.Warn("not a setting of this program; is it misspelt?", "variable", name)
	}
	defer layBallast()()
	f, err := newFigures(conf)
	if err != nil {
		return err
	}
	defer f.close()
	limits := sessionLimits(conf)
	s, err := openStores(ctx, conf.StoreConfig, limits.Longest())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	schema, err := s.db.Patient().Migrate(ctx)
	if err != nil {
		return err
	}
	if schema.Have != schema.Want {
		log.Info("database migrated", "from", schema.Have, "to", schema.Want)
	}
	f.time(s, conf)
	if err := s.follow(ctx, conf, c.AcceptOlderDatabase, log); err != nil {
		return err
	}
	keys, err := s.keyring(ctx, conf, log)
	if err != nil {
		return err
	}
	s.warn(ctx, log)
	if conf.InsecureCookie {
		log.Warn("GATEHOUSE_INSECURE_COOKIE is on: anybody on the way between browser and server can take over sessions")
	}

	listener, err := net.Listen("tcp", conf.Addr)
	if err != nil {
		return err
	}
	conf.PublicURL = publicURL(conf, listener.Addr())
	refreshKey, err := s.db.Patient().Settings().Secret(ctx, "refresh-key", 32)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	sessions := session.NewManager(s.sessions, s.ledger, limits, time.Now,
		append(f.options(), session.WithRefreshKey([32]byte(refreshKey)))...)
	sessions.LogTo(log)
	hub := session.NewHub(sessions, s.lookEvery())
	hasher, stopHashing, err := p.newHasher(log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopHashing()
	handler, users, err := newHandler(ctx, conf, sessions, hub, keys, hasher, s, f, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := p.greet(ctx, conf, listener.Addr(), users); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer f.start(context.WithoutCancel(ctx), s, log)()                        // shown until all is over
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx)) // ends come until the last request
	var recorder sync.WaitGroup
	recorder.Go(func() { sessions.RecordLater(recording) })
	defer func() { stopRecording(); recorder.Wait() }()
	background, stop := context.WithCancel(ctx)
	var live sync.WaitGroup
	defer func() { stop(); live.Wait() }()
	live.Go(func() { s.prune(background, log, limits.Longest(), conf.AuditKept) })
	// The hub ends with ctx, while the server still finishes requests: streams
	// are such, and would keep it from stopping.
	live.Go(func() { hub.Run(background, s.events) })
	live.Go(func() { keys.Run(background) })
	defer handler.Wait()
	return serveUntil(ctx, handler.Listen(listener), handler, log)
}

func sessionLimits(c config.Config) session.Limits {
	return session.Limits{
		Idle:             c.SessionIdle,
		Lifetime:         c.SessionLifetime,
		RememberIdle:     c.RememberIdle,
		RememberLifetime: c.RememberLifetime,
		PerUser:          c.SessionsPerUser,
	}
}

// newHandler joins the parts of the server.
func newHandler(ctx context.Context, c config.Config, sessions *session.Manager, hub *session.Hub, keys *token.Keyring, hasher *user.Hasher, s *stores, f *figures, log *slog.Logger) (*server.Server, *user.Service, error) {
	deviceKey, err := s.db.Patient().Settings().Secret(ctx, "device-key", 32)
	if err != nil {
		return nil, nil, err
	}
	f.ask(s, sessions, hub, hasher)
	issuer, verifier, err := accessTokens(c, keys)
	if err != nil {
		return nil, nil, err
	}
	policy := user.Policy{MinLength: c.PasswordMin}
	users := user.NewService(s.db.Users(), hasher, policy, time.Now)
	ready := map[string]func(context.Context) error{"database": s.db.Ping}
	if s.redis != nil {
		ready["redis"] = s.redis.Ping
	}
	handler, err := server.New(server.Config{
		PublicURL:      c.PublicURL,
		SignUp:         c.SignUp,
		Policy:         policy,
		AtLimit:        server.AtLimit(c.SessionsPolicy),
		TrustedProxies: c.TrustedProxies,
		CookieName:     c.CookieName(),
		Secure:         c.Secure(),
		DeviceKey:      deviceKey,
		Users:          users,
		UserStore:      s.db.Users(),
		Tickets:        s.db.Tickets(),
		Sessions:       sessions,
		Hub:            hub,
		Audit:          s.db.Audit(),
		Limiter:        s.limiter(c.RateLimits),
		CORSOrigins:    c.CORSOrigins,
		Clients:        s.db.Clients(),
		Issuer:         issuer,
		Verifier:       verifier,
		Keyring:        keys,
		Web:            web.Files,
		Ready:          ready,
		Observer:       f.observer(),
		Linger:         linger,
		Log:            log,
		Now:            time.Now,
	})
	if err != nil {
		return nil, nil, err
	}
	f.know(handler)
	// What is left of the start is in no hurry, unlike requests.
	return handler, user.NewService(s.db.Patient().Users(), hasher, policy, time.Now), nil
}

// linger is for how long, on average, a log-in that is one too many is not
// answered. A thousand programs that try again at each answer then cost a small
// part of a processor, nearly all of it for the pages that they get.
const linger = 2 * time.Second

// How often open pages are looked after, in case no news of an end has come. In
// the embedded set-up none comes of what commands do, in another process; with
// Redis it comes of everything and is seldom lost.
const (
	lookEmbedded = time.Second
	lookRedis    = 3 * time.Second
)

func (s *stores) lookEvery() time.Duration {
	if s.redis != nil {
		return lookRedis
	}
	return lookEmbedded
}

// limitKeys bounds the memory of the embedded limiter: some 10 MB.
const limitKeys = 100_000

// limiter returns the one that all nodes of the set-up share.
func (s *stores) limiter(on bool) limit.Limiter {
	switch {
	case !on:
		return limit.Off{}
	case s.redis != nil:
		return s.redis.Limiter(time.Now)
	}
	return limit.NewMemory(limitKeys, time.Now)
}

// defaultPublicURL is the default of GATEHOUSE_PUBLIC_URL.
const defaultPublicURL = "http://localhost:8080"

// publicURL returns the configured URL or, if it is the default and the server
// listens on another port, localhost with that port: links that the program
// prints should work.
func publicURL(c config.Config, listening net.Addr) *url.URL {
	addr, ok := listening.(*net.TCPAddr)
	if !ok || c.PublicURL.String() != defaultPublicURL {
		return c.PublicURL
	}
	return &url.URL{Scheme: "http", Host: fmt.Sprintf("localhost:%d", addr.Port)}
}

// greet prints where the server is and, while there is no administrator, the
// link that makes one.
func (p program) greet(ctx context.Context, c config.Config, addr net.Addr, users *user.Service) error {
	fmt.Fprintf(p.stdout, "Gatehouse %s is listening on %s: open %s\n", version, addr, c.PublicURL)
	code, open, err := users.NewSetupCode(ctx)
	if err != nil || !open {
		return err
	}
	fmt.Fprintf(p.stdout, "There is no administrator yet. Make one within %d hours at\n  %s/setup?code=%s\n",
		int(user.SetupCodeLife.Hours()), c.PublicURL, code)
	return nil
}

// warn says what about the session store could surprise the operator.
func (s *stores) warn(ctx context.Context, log *slog.Logger) {
	if s.redis == nil {
		return
	}
	warnings, err := s.redis.Warnings(ctx)
	if err != nil {
		log.Warn("Redis cannot be asked how durable it is", "error", err.Error())
	}
	for _, w := range warnings {
		log.Warn(w)
	}
}

// logger returns the log of the server, and what writes all of it that has been
// gathered so far.
func (p program) logger(json bool) (log *slog.Logger, flush func()) {
	b := newLogBuffer(p.stderr)
	var h slog.Handler = slog.NewTextHandler(b, nil)
	if json {
		h = slog.NewJSONHandler(b, nil)
	}
	return slog.New(promptHandler{h, b, !json}), b.flush
}

// serveUntil serves until ctx ends and then lets the requests in flight finish.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ConnContext:       server.ConnContext,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       keepAliveTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping: finishing requests in flight")
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := s.Shutdown(stopping); err != nil {
		return fmt.Errorf("requests still running after %v were cut off: %w", stopTimeout, errors.Join(err, s.Close()))
	}
	log.Info("stopped")
	return nil
}
