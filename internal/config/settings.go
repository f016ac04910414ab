package config

import "reflect"

// Stores are the settings that every command needs. An empty value means the
// default.
type Stores struct {
	DataDir         string `name:"data-dir" env:"GATEHOUSE_DATA_DIR" default:"./data" placeholder:"DIR" help:"Folder of the embedded SQLite database."`
	DatabaseURL     Secret `name:"database-url" env:"GATEHOUSE_DATABASE_URL" placeholder:"URL" help:"PostgreSQL for accounts: postgres://user:password@host:port/database. Empty: SQLite in the data folder. Needs a Redis URL too."`
	DatabaseURLFile string `name:"database-url-file" env:"GATEHOUSE_DATABASE_URL_FILE" placeholder:"FILE" help:"File that holds the PostgreSQL URL, instead of the URL itself."`
	RedisURL        Secret `name:"redis-url" env:"GATEHOUSE_REDIS_URL" placeholder:"URL" help:"Redis for sessions: redis://:password@host:port/0, rediss:// with TLS, redis+sentinel://host:port,host:port/name/0, or redis+cluster://host:port,host:port. Empty: sessions in SQLite."`
	RedisURLFile    string `name:"redis-url-file" env:"GATEHOUSE_REDIS_URL_FILE" placeholder:"FILE" help:"File that holds the Redis URL, instead of the URL itself."`
	KeysSecret      Secret `name:"keys-secret" env:"GATEHOUSE_KEYS_SECRET" placeholder:"SECRET" help:"Secret that seals the keys signing access tokens in the database, random, at least 32 characters, the same on all nodes. Empty: with SQLite a file in the data folder holds one that is made at the first start; with PostgreSQL the keys are not sealed."`
	KeysSecretFile  string `name:"keys-secret-file" env:"GATEHOUSE_KEYS_SECRET_FILE" placeholder:"FILE" help:"File that holds this secret, instead of the secret itself."`
	LogFormat       string `name:"log-format" env:"GATEHOUSE_LOG_FORMAT" default:"text" placeholder:"text|json" help:"Format of the log on standard error: text or json."`
}

// Passwords are the settings of whatever takes a new password: the server and
// some commands. An empty value means the default.
type Passwords struct {
	PasswordMin string `name:"password-min" env:"GATEHOUSE_PASSWORD_MIN" default:"8" placeholder:"N" help:"Fewest characters of a new password, 8 to 15."`
}

// Serve are the settings of the server. An empty value means the default.
type Serve struct {
	Stores

	Addr             string `name:"addr" env:"GATEHOUSE_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on."`
	MetricsAddr      string `name:"metrics-addr" env:"GATEHOUSE_METRICS_ADDR" default:"off" placeholder:"HOST:PORT|off" help:"Address to serve metrics for Prometheus on, at /metrics, to anybody who gets there; or off."`
	PublicURL        string `name:"public-url" env:"GATEHOUSE_PUBLIC_URL" default:"http://localhost:8080" placeholder:"URL" help:"What people type to get here: scheme and host, no path."`
	SessionIdle      string `name:"session-idle" env:"GATEHOUSE_SESSION_IDLE" default:"1h" placeholder:"TIME" help:"A session ends when unused for this long (90s, 30m, 1h, 14d)."`
	SessionLifetime  string `name:"session-lifetime" env:"GATEHOUSE_SESSION_LIFETIME" default:"12h" placeholder:"TIME" help:"A session ends this long after the log-in, used or not."`
	RememberIdle     string `name:"remember-idle" env:"GATEHOUSE_REMEMBER_IDLE" default:"14d" placeholder:"TIME" help:"The same as session-idle, for people who choose to stay signed in."`
	RememberLifetime string `name:"remember-lifetime" env:"GATEHOUSE_REMEMBER_LIFETIME" default:"30d" placeholder:"TIME" help:"The same as session-lifetime, for people who choose to stay signed in."`
	SessionsPerUser  string `name:"sessions-per-user" env:"GATEHOUSE_SESSIONS_PER_USER" default:"0" placeholder:"N" help:"How many sessions (devices) one user may have at once, up to 1000; 0 is no limit."`
	SessionsPolicy   string `name:"sessions-policy" env:"GATEHOUSE_SESSIONS_POLICY" default:"choose" placeholder:"choose|replace|deny" help:"What a log-in with one session too many does: choose asks the person which device to log out, replace logs out the one unused for longest, deny refuses the log-in."`
	LedgerLease      string `name:"ledger-lease" env:"GATEHOUSE_LEDGER_LEASE" default:"60s" placeholder:"TIME" help:"With Redis: how long sessions are still checked while the database does not answer; after that, checks answer 503, because this node cannot know what others have ended."`
	AuditKept        string `name:"audit-kept" env:"GATEHOUSE_AUDIT_KEPT" default:"90d" placeholder:"TIME" help:"How long the audit log remembers, 1h to 3650d."`
	SignUp           string `name:"signup" env:"GATEHOUSE_SIGNUP" default:"open" placeholder:"open|closed" help:"Whether people may sign up by themselves: open or closed."`
	Passwords
	TokenAlg         string `name:"token-alg" env:"GATEHOUSE_TOKEN_ALG" default:"EdDSA" placeholder:"EdDSA|ES256" help:"How access tokens are signed: EdDSA (Ed25519) or ES256."`
	TokenLifetime    string `name:"token-lifetime" env:"GATEHOUSE_TOKEN_LIFETIME" default:"60s" placeholder:"TIME" help:"How long an access token counts, 1s to 15m: so long may other services, which do not ask, take an ended session for alive."`
	TokenAudience    string `name:"token-audience" env:"GATEHOUSE_TOKEN_AUDIENCE" placeholder:"TEXT" help:"Whom access tokens are for (the claim aud): a URL or a name. Empty: the public URL."`
	TokenKeyRotation string `name:"token-key-rotation" env:"GATEHOUSE_TOKEN_KEY_ROTATION" default:"30d" placeholder:"TIME" help:"How long a key signs access tokens before the next one does, 1h to 400d."`
	CORSOrigins      string `name:"cors-origins" env:"GATEHOUSE_CORS_ORIGINS" default:"none" placeholder:"ORIGIN,..." help:"Origins whose pages may use the JSON API in a browser, with tokens and without cookies: https://app.example.com, separated by commas; or none."`
	TrustedProxies   string `name:"trusted-proxies" env:"GATEHOUSE_TRUSTED_PROXIES" default:"none" placeholder:"CIDR,..." help:"Addresses or networks of the reverse proxies whose X-Forwarded-For is believed, separated by commas; or none."`
	RateLimits       string `name:"rate-limits" env:"GATEHOUSE_RATE_LIMITS" default:"on" placeholder:"on|off" help:"Whether log-ins and sign-ups are limited: on or off. Off is for load tests."`
	InsecureCookie   string `name:"insecure-cookie" env:"GATEHOUSE_INSECURE_COOKIE" default:"false" placeholder:"true|false" help:"Send the session cookie over plain http on a host other than localhost: true or false. Anybody on the way can then take over sessions."`
}

// Setting is one line of the configuration table.
type Setting struct {
	Env     string // GATEHOUSE_ADDR
	Flag    string // --addr
	Default string // as it would be typed; empty: none
	Help    string
}

// Settings returns every setting of the program, those of [Stores] first.
func Settings() []Setting { return settingsOf(reflect.TypeFor[Serve]()) }

func settingsOf(t reflect.Type) []Setting {
	var all []Setting
	for f := range t.Fields() {
		if f.Anonymous {
			all = append(all, settingsOf(f.Type)...)
			continue
		}
		all = append(all, Setting{
			Env:     f.Tag.Get("env"),
			Flag:    "--" + f.Tag.Get("name"),
			Default: f.Tag.Get("default"),
			Help:    f.Tag.Get("help"),
		})
	}
	return all
}
