package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parse does what the command line does.
func parse(t *testing.T, args ...string) Serve {
	t.Helper()
	var s Serve
	parser, err := kong.New(&s, kong.Exit(func(int) { t.Fatal("kong wants to exit") }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDefaults(t *testing.T) {
	for name, s := range map[string]Serve{"by kong": parse(t), "by empty values": {}} {
		c, err := s.Resolve(nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := fmt.Sprintln(c.DataDir, c.DatabaseURL.IsEmpty(), c.RedisURL.IsEmpty(), c.LogJSON, c.Addr, c.PublicURL,
			c.SessionIdle, c.SessionLifetime, c.RememberIdle, c.RememberLifetime, c.SignUp, c.PasswordMin,
			c.TrustedProxies, c.RateLimits, c.CookieName(), c.Secure(), c.SessionsPerUser, c.SessionsPolicy)
		want := fmt.Sprintln("./data", true, true, false, "127.0.0.1:8080", "http://localhost:8080",
			time.Hour, 12*time.Hour, 14*24*time.Hour, 30*24*time.Hour, true, 8, "[]", true, "__Host-session", true, 0, "choose")
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestEmptyVariablesMeanTheDefault(t *testing.T) {
	for _, s := range Settings() {
		t.Setenv(s.Env, "")
	}
	c, err := parse(t).Resolve(nil)
	if err != nil || c.Addr != "127.0.0.1:8080" || !c.RedisURL.IsEmpty() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestEnvironmentAndFlags(t *testing.T) {
	t.Setenv("GATEHOUSE_ADDR", "0.0.0.0:9")
	t.Setenv("GATEHOUSE_SESSION_IDLE", "20m")
	t.Setenv("GATEHOUSE_LOG_FORMAT", "") // an env file may leave it empty
	t.Setenv("GATEHOUSE_DATABASE_URL", "postgres://g:pw@db/g")
	s := parse(t, "--addr=:10", "--redis-url=rediss://:pw@r:1/2", "--public-url=HTTPS://Id.Example:443/",
		"--trusted-proxies=10.0.0.5, 192.168.3.4/16,::ffff:10.1.1.1,fd00::/8", "--remember-idle=1d12h", "--signup=closed",
		"--rate-limits=off", "--password-min=15", "--sessions-per-user=1000", "--sessions-policy=deny")
	c, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != ":10" {
		t.Errorf("the flag does not override the environment: %s", c.Addr)
	}
	got := fmt.Sprintln(c.SessionIdle, c.DatabaseURL.Reveal(), c.RedisURL.Reveal(), c.PublicURL, c.TrustedProxies, c.RememberIdle, c.SignUp, c.RateLimits, c.PasswordMin, c.LogJSON, c.SessionsPerUser, c.SessionsPolicy)
	want := fmt.Sprintln(20*time.Minute, "postgres://g:pw@db/g", "rediss://:pw@r:1/2", "https://id.example",
		"[10.0.0.5/32 192.168.0.0/16 10.1.1.1/32 fd00::/8]", 36*time.Hour, false, false, 15, false, 1000, "deny")
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	s := Serve{
		Stores:    Stores{DatabaseURL: NewSecret("mysql://u:hunter2@db"), RedisURL: NewSecret("redis://:hunter2@h/x"), LogFormat: "xml"},
		Addr:      "8080",
		PublicURL: "localhost:8080", SessionIdle: "60", SessionLifetime: "500d", RememberIdle: "4d", RememberLifetime: "3d",
		SignUp: "yes", Passwords: Passwords{PasswordMin: "7"}, TrustedProxies: "10.0.0.1,proxy,0.0.0.0/0", RateLimits: "true", InsecureCookie: "1",
	}
	_, err := s.Resolve(nil)
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`GATEHOUSE_LOG_FORMAT is "xml": want json or text`,
		`GATEHOUSE_DATABASE_URL starts with another scheme than postgres:// or postgresql://`,
		`GATEHOUSE_REDIS_URL ends in a path that is no database number`,
		`GATEHOUSE_ADDR is "8080": want host:port`,
		`GATEHOUSE_PUBLIC_URL is not a web address`,
		`GATEHOUSE_SESSION_IDLE is "60": want a number with a unit`,
		`GATEHOUSE_SESSION_LIFETIME is "500d": want at least 1s and at most 400d`,
		`GATEHOUSE_SIGNUP is "yes": want open or closed`,
		`GATEHOUSE_PASSWORD_MIN is "7": want a number from 8 to 15`,
		`GATEHOUSE_TRUSTED_PROXIES contains "proxy"`,
		`GATEHOUSE_TRUSTED_PROXIES contains "0.0.0.0/0": that trusts everybody`,
		`GATEHOUSE_RATE_LIMITS is "true": want on or off`,
		`GATEHOUSE_INSECURE_COOKIE is "1": want true or false`,
		`GATEHOUSE_REMEMBER_IDLE is longer than GATEHOUSE_REMEMBER_LIFETIME`,
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d is not %q in\n%s", i, want, err)
		}
		if i == 13 && len(lines) != 14 {
			t.Errorf("more lines than problems:\n%s", err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password is shown:\n%s", err)
	}
}

func TestURLsWithManyHosts(t *testing.T) {
	for _, url := range []string{
		"redis+sentinel://h:1,[::1]:2,10.0.0.1/main/3",
		"redis+sentinel://u:p%40w@h/main",
		"redis+sentinel://:pw@h:1,h:2/main/",
		"redis+cluster://u:p%40w@h:1,[::1]:2,10.0.0.1",
		"redis+cluster://h/",
	} {
		if _, err := (Stores{RedisURL: NewSecret(url)}).Resolve(nil); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestOneProblem(t *testing.T) {
	stores := func(db, redis string) Serve {
		return Serve{Stores: Stores{DatabaseURL: NewSecret(db), RedisURL: NewSecret(redis)}}
	}
	for want, s := range map[string]Serve{
		"with PostgreSQL, sessions live in Redis":                             stores("postgres://h/d", ""),
		"GATEHOUSE_DATABASE_URL names no host":                                stores("postgres:///d", "redis://h"),
		"GATEHOUSE_DATABASE_URL is not a URL":                                 stores("postgres://u:hunter2/x@h:1/d", "redis://h"),
		"GATEHOUSE_REDIS_URL names no host":                                   stores("", "redis:h"),
		"GATEHOUSE_REDIS_URL starts with":                                     stores("", "h:6379"),
		"GATEHOUSE_REDIS_URL is not a URL":                                    stores("", "redis://:hunter2#x%@h"),
		"set GATEHOUSE_INSECURE_COOKIE=true":                                  {PublicURL: "http://gate.example"},
		"GATEHOUSE_INSECURE_COOKIE is true":                                   {PublicURL: "https://gate.example", InsecureCookie: "true"},
		"has more than scheme and host":                                       {PublicURL: "https://gate.example/auth"},
		"GATEHOUSE_PUBLIC_URL has more":                                       {PublicURL: "https://u:hunter2@gate.example"},
		"GATEHOUSE_PUBLIC_URL is not a web":                                   {PublicURL: "https://gate.example:99999"},
		"GATEHOUSE_SESSION_IDLE is longer":                                    {SessionIdle: "13h", SessionLifetime: "6h"},
		`GATEHOUSE_SESSION_IDLE is "0s"`:                                      {SessionIdle: "0s"},
		`GATEHOUSE_SESSION_IDLE is "-1h"`:                                     {SessionIdle: "-1h"},
		`GATEHOUSE_SESSION_IDLE is "1d-1h"`:                                   {SessionIdle: "1d-1h"},
		`GATEHOUSE_REMEMBER_LIFETIME is "99999999999d"`:                       {RememberLifetime: "99999999999d"},
		`GATEHOUSE_ADDR is "h:99999"`:                                         {Addr: "h:99999"},
		`GATEHOUSE_SESSIONS_PER_USER is "1001": want a number from 0 to 1000`: {SessionsPerUser: "1001"},
		`GATEHOUSE_SESSIONS_PER_USER is "-1"`:                                 {SessionsPerUser: "-1"},
		`GATEHOUSE_SESSIONS_POLICY is "oldest": want choose, replace or deny`: {SessionsPolicy: "oldest"},
		`GATEHOUSE_TRUSTED_PROXIES contains ""`:                               {TrustedProxies: "10.0.0.1,"},
		"that is no list of sentinels":                                        stores("", "redis+sentinel://:hunter2@h:1,/main"),
		"is no list of sentinels: want":                                       stores("", "redis+sentinel://:hunter2@h:1,h:99999/main"),
		"does not end in the name of the master":                              stores("", "redis+sentinel://:hunter2@h:1,h:2"),
		"the name of the master and a database":                               stores("", "redis+sentinel://h:1/main/hunter2"),
		"that is no list of servers: want redis+cluster":                      stores("", "redis+cluster://:hunter2@h:1,"),
		"a cluster has no numbered databases":                                 stores("", "redis+cluster://:hunter2@h:1/0"),
	} {
		_, err := s.Resolve(nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want one line with %q, got: %v", want, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password is shown: %v", err)
		}
	}
}

func TestPublicURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://localhost":          "http://localhost",
		"http://127.0.0.1:8080/":    "http://127.0.0.1:8080",
		"http://[::1]:80":           "http://[::1]",
		"https://[2001:db8::443]":   "https://[2001:db8::443]",
		"https://Gate.Example:8443": "https://gate.example:8443",
		"https://gate.example:80":   "https://gate.example:80",
		"https://gate.example:":     "https://gate.example",
		"https://로그인.kr:8":          "https://xn--2i0b10rutm.kr:8",
	} {
		c, err := Serve{PublicURL: in}.Resolve(nil)
		if err != nil || c.PublicURL.String() != want {
			t.Errorf("%s became %v, want %s (%v)", in, c.PublicURL, want, err)
		}
	}
}

func TestInsecureCookie(t *testing.T) {
	c, err := Serve{PublicURL: "http://gate.example", InsecureCookie: "true"}.Resolve(nil)
	if err != nil || c.CookieName() != "session" || c.Secure() {
		t.Errorf("cookie %s, secure %t, %v", c.CookieName(), c.Secure(), err)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	db, redis, empty := write("db", "postgres://u:pw@h/d\n"), write("redis", "redis://h\r\n"), write("empty", "\n")

	c, err := Stores{DatabaseURLFile: db, RedisURLFile: redis}.Resolve(nil)
	if err != nil || c.DatabaseURL.Reveal() != "postgres://u:pw@h/d" || c.RedisURL.Reveal() != "redis://h" {
		t.Errorf("%q, %q, %v", c.DatabaseURL.Reveal(), c.RedisURL.Reveal(), err)
	}
	for want, s := range map[string]Stores{
		"GATEHOUSE_REDIS_URL and GATEHOUSE_REDIS_URL_FILE are both set": {RedisURL: NewSecret("redis://h"), RedisURLFile: redis},
		"GATEHOUSE_REDIS_URL_FILE cannot be read":                       {RedisURLFile: filepath.Join(dir, "none")},
		"GATEHOUSE_REDIS_URL_FILE names the empty file":                 {RedisURLFile: empty},
		"GATEHOUSE_REDIS_URL is missing":                                {DatabaseURLFile: db},
	} {
		if _, err := s.Resolve(nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want one line with %q, got: %v", want, err)
		}
	}
	if _, err := (Stores{RedisURLFile: filepath.Join(dir, "none")}).Resolve(nil); !strings.Contains(fmt.Sprint(err), "no such file") {
		t.Errorf("the reason is missing: %v", err)
	}
}

func TestUnknownVariablesAreNamed(t *testing.T) {
	c, err := Stores{}.Resolve([]string{"HOME=/", "GATEHOUSE_SESION_IDLE=1h", "GATEHOUSE_ADDR=:1",
		"GATEHOUSE_REDIS_URL_FILE=x", "GATEHOUSE_PORT_8080_TCP=tcp://10.0.0.1:8080"})
	if want := "[GATEHOUSE_PORT_8080_TCP GATEHOUSE_SESION_IDLE]"; err != nil || fmt.Sprint(c.Unknown) != want {
		t.Errorf("got %v, want %s (%v)", c.Unknown, want, err)
	}
}

func TestSecretDoesNotShow(t *testing.T) {
	s := NewSecret("hunter2")
	type hidden struct{ s Secret } // fmt does not call methods on unexported fields
	c := Config{StoreConfig: StoreConfig{DatabaseURL: s, RedisURL: s}}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("x", "secret", s, "config", c, "pointer", &c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "config", c, "pointer", &c)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(text) + fmt.Sprint(s, &s, c, hidden{s}, []Secret{s}, errors.New(s.String()))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p", "%T"} {
		for _, v := range []any{s, &s, c, &c, hidden{s}, &hidden{s}, Stores{RedisURL: s}} {
			shown += fmt.Sprintf(verb, v)
		}
	}
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e74657232") {
		t.Errorf("the secret shows:\n%s", shown)
	}
	if fmt.Sprint(s) != "***" || fmt.Sprint(Secret{}) != "" || s.Reveal() != "hunter2" {
		t.Errorf("prints %v and %v, reveals %s", s, Secret{}, s.Reveal())
	}
}

func TestSettings(t *testing.T) {
	all := Settings()
	seen := map[string]bool{}
	for _, s := range all {
		want := "GATEHOUSE_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(s.Flag, "--"), "-", "_"))
		if s.Env != want || s.Help == "" || seen[s.Env] {
			t.Errorf("%+v: want the name %s, once, and a help", s, want)
		}
		seen[s.Env] = true
	}
	if len(all) != 29 || all[0].Env != "GATEHOUSE_DATA_DIR" || all[0].Default != "./data" {
		t.Errorf("%d settings, first %+v", len(all), all[0])
	}
}

// Shortening one of a pair does not ask for the other: the nearer counts.
func TestOneOfAPairMayBeShort(t *testing.T) {
	for _, s := range []Serve{{SessionLifetime: "30m"}, {SessionIdle: "13h"}, {RememberLifetime: "7d"}, {SessionLifetime: "60d"}} {
		if _, err := s.Resolve(nil); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// Metrics are served where somebody said so, and nowhere else.
func TestMetricsAddr(t *testing.T) {
	for value, want := range map[string]string{"": "", "off": "", "127.0.0.1:9090": "127.0.0.1:9090", ":9090": ":9090"} {
		if c, err := (Serve{MetricsAddr: value}).Resolve(nil); err != nil || c.MetricsAddr != want {
			t.Errorf("%q: %q, %v", value, c.MetricsAddr, err)
		}
	}
	for _, value := range []string{"on", "9090", "localhost:http"} {
		_, err := (Serve{MetricsAddr: value}).Resolve(nil)
		if want := fmt.Sprintf("GATEHOUSE_METRICS_ADDR is %q: want host:port, such as 127.0.0.1:9090, or off", value); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Laws ask for years of audit log; browsers' limit on cookies is no limit here.
func TestAuditKept(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 90 * 24 * time.Hour, "1h": time.Hour, "730d": 730 * 24 * time.Hour, "3650d": 3650 * 24 * time.Hour} {
		if c, err := (Serve{AuditKept: value}).Resolve(nil); err != nil || c.AuditKept != want {
			t.Errorf("%q: %v, %v", value, c.AuditKept, err)
		}
	}
	for _, value := range []string{"0", "59m", "3651d", "for ever", "-1h"} {
		_, err := (Serve{AuditKept: value}).Resolve(nil)
		if err == nil || !strings.HasPrefix(err.Error(), "GATEHOUSE_AUDIT_KEPT is") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", value, err)
		}
	}
	_, err := (Serve{AuditKept: "59m"}).Resolve(nil)
	if want := `GATEHOUSE_AUDIT_KEPT is "59m": want at least 1h and at most 3650d`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Access tokens have bounds, and no algorithm with a shared secret has a name.
func TestTokenSettings(t *testing.T) {
	c, err := Serve{}.Resolve(nil)
	if err != nil || c.TokenAlg != "EdDSA" || c.TokenLifetime != time.Minute || c.TokenKeyRotation != 720*time.Hour || c.TokenAudience != "" || !c.KeysSecret.IsEmpty() {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	secret := strings.Repeat("hunter2 ", 4)
	c, err = Serve{Stores: Stores{KeysSecret: NewSecret(secret)}, TokenAlg: "ES256", TokenLifetime: "15m", TokenKeyRotation: "1h", TokenAudience: "https://api.example/v1"}.Resolve(nil)
	if err != nil || c.TokenAlg != "ES256" || c.TokenLifetime != 15*time.Minute || c.TokenKeyRotation != time.Hour || c.TokenAudience != "https://api.example/v1" || c.KeysSecret.Reveal() != secret {
		t.Errorf("set: %+v, %v", c, err)
	}
	for _, audience := range []string{"api", "api.example", "urn:example:api"} {
		if c, err := (Serve{TokenAudience: audience}).Resolve(nil); err != nil || c.TokenAudience != audience {
			t.Errorf("%s: %q, %v", audience, c.TokenAudience, err)
		}
	}
	for want, all := range map[string][]Serve{
		"GATEHOUSE_TOKEN_ALG is": {{TokenAlg: "HS256"}, {TokenAlg: "HS384"}, {TokenAlg: "HS512"}, {TokenAlg: "none"}, {TokenAlg: "None"}, {TokenAlg: "RS256"},
			{TokenAlg: "eddsa"}, {TokenAlg: "EdDSA,HS256"}, {TokenAlg: "EdDSA "}},
		"GATEHOUSE_TOKEN_LIFETIME is":     {{TokenLifetime: "0"}, {TokenLifetime: "0s"}, {TokenLifetime: "-60s"}, {TokenLifetime: "999ms"}, {TokenLifetime: "15m1s"}, {TokenLifetime: "1d"}, {TokenLifetime: "1500ms"}, {TokenLifetime: "60"}},
		"GATEHOUSE_TOKEN_KEY_ROTATION is": {{TokenKeyRotation: "59m"}, {TokenKeyRotation: "401d"}, {TokenKeyRotation: "never"}},
		"GATEHOUSE_TOKEN_AUDIENCE is":     {{TokenAudience: "a b"}, {TokenAudience: "a\n"}, {TokenAudience: "한글"}, {TokenAudience: strings.Repeat("a", 256)}, {TokenAudience: ":x"}, {TokenAudience: "1:2"}},
		"GATEHOUSE_KEYS_SECRET has":       {{Stores: Stores{KeysSecret: NewSecret("hunter2")}}, {Stores: Stores{KeysSecret: NewSecret(secret[:31])}}},
	} {
		for _, s := range all {
			_, err := s.Resolve(nil)
			if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%+v: %v, want one line that begins %q", s, err, want)
			}
		}
	}
}

func TestCORSOrigins(t *testing.T) {
	for value, want := range map[string]string{
		"":                        "[]",
		"none":                    "[]",
		"https://app.example.com": "[https://app.example.com]",
		"https://a.example, http://localhost:3000,http://127.0.0.1,http://[::1]:5173,https://b.example:8443": "[https://a.example http://localhost:3000 http://127.0.0.1 http://[::1]:5173 https://b.example:8443]",
	} {
		c, err := Serve{CORSOrigins: value}.Resolve(nil)
		if err != nil || fmt.Sprint(c.CORSOrigins) != want {
			t.Errorf("%q: %v, %v", value, c.CORSOrigins, err)
		}
	}
	for _, value := range []string{
		"*", "https://*", "https://*.example.com", "https://a.example,*", "null", "app.example.com", "https://", "https:///x", "all",
		"https://app.example.com/", "https://app.example.com/api", "https://app.example.com?x", "https://app.example.com#x",
		"https://App.example.com", "HTTPS://app.example.com", "https://app.example.com:443", "http://localhost:80", "https://app.example.com:",
		"https://app.example.com:99999", "https://user@app.example.com", "https://user:hunter2@app.example.com", "https://앱.example",
		"http://app.example.com", "http://localhost.evil.example", "http://192.168.0.1", "ftp://localhost", "chrome-extension://abc", "file://localhost",
		"https://a.example,", "https://a.example https://b.example", "https://a.example,none",
	} {
		_, err := Serve{CORSOrigins: value}.Resolve(nil)
		if err == nil || !strings.HasPrefix(err.Error(), "GATEHOUSE_CORS_ORIGINS contains ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", value, err)
		}
	}
}
