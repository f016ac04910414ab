package config

import (
	"errors"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// StoreConfig is what [Stores] resolve to.
type StoreConfig struct {
	DataDir     string
	DatabaseURL Secret // empty: SQLite in DataDir
	RedisURL    Secret // empty: sessions where the accounts are
	KeysSecret  Secret // seals signing keys; empty: see GATEHOUSE_KEYS_SECRET
	LogJSON     bool   // JSON instead of text
	// Unknown names environment variables that look like settings and are
	// none: worth a warning, for one may be a misspelt setting.
	Unknown []string
}

// Config is what [Serve] resolves to.
type Config struct {
	StoreConfig

	Addr        string   // host:port to listen on
	MetricsAddr string   // host:port to serve metrics on; empty: nowhere
	PublicURL   *url.URL // scheme and host only, as browsers send it in Origin

	// How long sessions live: idle and since log-in; the latter pair for
	// people who choose to stay signed in. The nearer deadline counts.
	SessionIdle, SessionLifetime   time.Duration
	RememberIdle, RememberLifetime time.Duration

	// SessionsPerUser is how many sessions a user may have at once; 0 is no
	// limit. SessionsPolicy is what happens at the limit: "choose", "replace"
	// or "deny".
	SessionsPerUser int
	SessionsPolicy  string

	// LedgerLease is how long checks go on without word from the database.
	LedgerLease time.Duration

	// AuditKept is how long the audit log remembers.
	AuditKept time.Duration

	// How access tokens are signed, "EdDSA" or "ES256", for how long they count
	// and a key signs them, and whom they are for; an empty audience is the
	// public URL.
	TokenAlg                        string
	TokenLifetime, TokenKeyRotation time.Duration
	TokenAudience                   string

	// CORSOrigins are the origins whose pages may use the JSON API, as browsers
	// write them in Origin.
	CORSOrigins []string

	SignUp         bool // people may sign up by themselves
	PasswordMin    int  // characters
	TrustedProxies []netip.Prefix
	RateLimits     bool
	InsecureCookie bool
}

// CookieName returns the name of the session cookie. The prefix makes browsers
// refuse it from anybody but this host over a secure connection.
func (c Config) CookieName() string {
	if c.InsecureCookie {
		return "session"
	}
	return "__Host-session"
}

// Secure reports whether the cookie is marked Secure. Browsers and curl send
// such cookies to http://localhost as well.
func (c Config) Secure() bool { return !c.InsecureCookie }

// Resolve checks all settings. The error has one line for each that is wrong,
// with its name and what would be right; no line shows a secret. Environ is
// the environment, as from os.Environ.
func (s Stores) Resolve(environ []string) (StoreConfig, error) {
	var p problems
	c := s.resolve(&p, environ)
	return c, errors.Join(p...)
}

// Resolve checks all settings, as [Stores.Resolve] does.
func (s Serve) Resolve(environ []string) (Config, error) {
	var p problems
	c := Config{
		StoreConfig: s.Stores.resolve(&p, environ),

		Addr:             p.addr("GATEHOUSE_ADDR", s.Addr),
		MetricsAddr:      p.addrOrOff("GATEHOUSE_METRICS_ADDR", s.MetricsAddr),
		PublicURL:        p.publicURL("GATEHOUSE_PUBLIC_URL", s.PublicURL),
		SessionIdle:      p.duration("GATEHOUSE_SESSION_IDLE", s.SessionIdle),
		SessionLifetime:  p.duration("GATEHOUSE_SESSION_LIFETIME", s.SessionLifetime),
		RememberIdle:     p.duration("GATEHOUSE_REMEMBER_IDLE", s.RememberIdle),
		RememberLifetime: p.duration("GATEHOUSE_REMEMBER_LIFETIME", s.RememberLifetime),
		SessionsPerUser:  p.number("GATEHOUSE_SESSIONS_PER_USER", s.SessionsPerUser, 0, 1000),
		SessionsPolicy:   p.oneOf("GATEHOUSE_SESSIONS_POLICY", s.SessionsPolicy, "choose", "replace", "deny"),
		LedgerLease:      p.duration("GATEHOUSE_LEDGER_LEASE", s.LedgerLease),
		AuditKept:        p.durationWithin("GATEHOUSE_AUDIT_KEPT", s.AuditKept, time.Hour, 3650*24*time.Hour),
		SignUp:           p.choice("GATEHOUSE_SIGNUP", s.SignUp, "open", "closed"),
		PasswordMin:      s.minLength(&p),
		TokenAlg:         p.oneOf("GATEHOUSE_TOKEN_ALG", s.TokenAlg, "EdDSA", "ES256"),
		TokenLifetime:    p.wholeSeconds("GATEHOUSE_TOKEN_LIFETIME", s.TokenLifetime, time.Second, 15*time.Minute),
		TokenAudience:    p.audience("GATEHOUSE_TOKEN_AUDIENCE", s.TokenAudience),
		TokenKeyRotation: p.durationWithin("GATEHOUSE_TOKEN_KEY_ROTATION", s.TokenKeyRotation, time.Hour, longest),
		CORSOrigins:      p.origins("GATEHOUSE_CORS_ORIGINS", s.CORSOrigins),
		TrustedProxies:   p.networks("GATEHOUSE_TRUSTED_PROXIES", s.TrustedProxies),
		RateLimits:       p.choice("GATEHOUSE_RATE_LIMITS", s.RateLimits, "on", "off"),
		InsecureCookie:   p.choice("GATEHOUSE_INSECURE_COOKIE", s.InsecureCookie, "true", "false"),
	}
	p.idleWithin("GATEHOUSE_SESSION_IDLE", s.SessionIdle, c.SessionIdle, "GATEHOUSE_SESSION_LIFETIME", s.SessionLifetime, c.SessionLifetime)
	p.idleWithin("GATEHOUSE_REMEMBER_IDLE", s.RememberIdle, c.RememberIdle, "GATEHOUSE_REMEMBER_LIFETIME", s.RememberLifetime, c.RememberLifetime)
	p.cookieTravels(c.PublicURL, c.InsecureCookie)
	return c, errors.Join(p...)
}

// MinLength returns the fewest characters of a new password, or an error as
// [Stores.Resolve] does.
func (s Passwords) MinLength() (int, error) {
	var p problems
	n := s.minLength(&p)
	return n, errors.Join(p...)
}

func (s Passwords) minLength(p *problems) int {
	return p.number("GATEHOUSE_PASSWORD_MIN", s.PasswordMin, 8, 15)
}

func (s Stores) resolve(p *problems, environ []string) StoreConfig {
	c := StoreConfig{
		DataDir:     orDefault("GATEHOUSE_DATA_DIR", s.DataDir),
		DatabaseURL: p.secret("GATEHOUSE_DATABASE_URL", s.DatabaseURL, s.DatabaseURLFile),
		RedisURL:    p.secret("GATEHOUSE_REDIS_URL", s.RedisURL, s.RedisURLFile),
		KeysSecret:  p.secret("GATEHOUSE_KEYS_SECRET", s.KeysSecret, s.KeysSecretFile),
		LogJSON:     p.choice("GATEHOUSE_LOG_FORMAT", s.LogFormat, "json", "text"),
		Unknown:     unknown(environ),
	}
	p.databaseURL("GATEHOUSE_DATABASE_URL", c.DatabaseURL)
	p.redisURL("GATEHOUSE_REDIS_URL", c.RedisURL)
	p.long("GATEHOUSE_KEYS_SECRET", c.KeysSecret)
	if given(s.DatabaseURL, s.DatabaseURLFile) && !given(s.RedisURL, s.RedisURLFile) {
		p.add("GATEHOUSE_REDIS_URL", "is missing: with PostgreSQL, sessions live in Redis; set it, or leave GATEHOUSE_DATABASE_URL empty to keep everything in SQLite")
	}
	return c
}

func given(value Secret, file string) bool { return !value.IsEmpty() || file != "" }

// secret returns the value of a setting that may be in a file instead.
func (p *problems) secret(env string, value Secret, file string) Secret {
	switch {
	case file == "":
		return value
	case !value.IsEmpty():
		p.add(env, "and %s_FILE are both set: keep one of them", env)
		return Secret{}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		p.add(env+"_FILE", "cannot be read: %v", err)
		return Secret{}
	}
	line := strings.TrimRight(string(text), "\r\n")
	if line == "" {
		p.add(env+"_FILE", "names the empty file %q: put the value into it", file)
	}
	return NewSecret(line)
}

// unknown returns the names in environ that start like ours and are not.
func unknown(environ []string) []string {
	known := append(Settings(), RemoteSettings()...) // one environment may serve all commands
	var names []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "GATEHOUSE_") && !slices.ContainsFunc(known, func(s Setting) bool { return s.Env == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// orDefault returns value or, if it is empty, the default of the setting:
// "GATEHOUSE_ADDR=" in an env file means that nothing was said.
func orDefault(env, value string) string {
	if value != "" {
		return value
	}
	for _, s := range Settings() {
		if s.Env == env {
			return s.Default
		}
	}
	return ""
}
