package bench

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// population is how many sessions there are while one of them is checked.
type population struct {
	Sessions, PerUser int
}

// String returns "10,000 sessions, 100 per user".
func (p population) String() string {
	return fmt.Sprintf("%s × %d", measure.Count(p.Sessions/p.PerUser), p.PerUser)
}

// stand is the servers and stores of one population.
type stand struct {
	population
	cores    cores
	redis    redis.Conn // for looking
	redisPID int
	servers  map[string]*server
	carriers map[string]string // file by kind of carrier
	bodies   string            // file of log-ins
	bytes    map[string]int    // of one header line, by kind of carrier
	bearers  []*bearers
	memory   Memory
}

// Memory is what a session takes in Redis, index and all, in bytes.
type Memory struct {
	Population  population
	Ours, Stock float64
}

// The servers that are Gatehouse, and the kinds of carrier.
const (
	ourRedis    = "gatehouse-redis"
	ourEmbedded = "gatehouse-embedded"

	cookieRedis    = "cookie-redis"
	cookieEmbedded = "cookie-embedded"
	cookieStock    = "cookie-stock"
	bearerHS256    = "bearer-hs256"
	bearerEd25519  = "bearer-ed25519"
	fewRedis       = "few-redis" // access tokens
	fewEmbedded    = "few-embedded"
	manyRedis      = "many-redis"
	manyEmbedded   = "many-embedded"
)

const (
	// sampled is how many sessions of a population are asked for: enough that
	// what is near at hand for one is not for the next.
	sampled = 100_000
	// loginUsers are accounts of their own, so that the users whose sessions
	// are measured do not get more.
	loginUsers = 100
	password   = "kettle orbit maple 7"
)

// newStand starts everything for p. The servers of the rows that do not depend
// on the population run only in the first stand, which says whole.
func newStand(t testing.TB, bin string, where cores, p population, whole bool) *stand {
	t.Helper()
	proc := testenv.RedisServer(t)
	raw, err := redis.DialURL(proc.URL())
	must(t, err)
	t.Cleanup(func() { raw.Close() })
	info, err := measure.ReadInfo(raw)
	must(t, err)
	s := &stand{population: p, cores: where, redis: raw, redisPID: info.Number("process_id"),
		servers: map[string]*server{}, carriers: map[string]string{}, bytes: map[string]int{}}

	users := measure.Users(p.Sessions / p.PerUser)
	for i := range users {
		users[i].Role = user.RoleAdmin // see cheapest
	}
	owner := func(i int) user.User { return users[i/p.PerUser] }
	// Stock scs has a database of its own on the same server.
	stockURL := strings.TrimSuffix(proc.URL(), "/0") + "/1"
	stock, closeStock := measure.Stock(stockURL, 0)
	empty := s.usedMemory(t)
	tokens, err := measure.FillStock(stock, p.Sessions, owner)
	must(t, err)
	must(t, closeStock())
	withStock := s.usedMemory(t)
	s.carry(t, cookieStock, "Cookie: "+stock.Cookie.Name+"=", tokens)

	store := redisdb.Open(proc.URL(), measure.Limits.Longest())
	tokens, err = measure.FillRemembered(store, p.Sessions, owner)
	must(t, err)
	defer store.Close()
	n := float64(p.Sessions)
	s.memory = Memory{p, (s.usedMemory(t) - withStock) / n, (withStock - empty) / n}
	s.carry(t, cookieRedis, "Cookie: "+measure.CookieName+"=", tokens)
	must(t, pin(s.redisPID, where.redis))

	people := newPeople(t, users, (min(p.Sessions, bearerSessions)+p.PerUser-1)/p.PerUser)
	bearer := func(i int) user.User { return people.bearing[i/p.PerUser] }
	dir, _ := s.startGatehouse(t, bin, ourRedis, people, "GATEHOUSE_REDIS_URL="+proc.URL())
	onRedis := newBearers(t, s.servers[ourRedis], dir, store, min(p.Sessions, bearerSessions), bearer)
	dir, tokens = s.startGatehouse(t, bin, ourEmbedded, people)
	embedded := newBearers(t, s.servers[ourEmbedded], dir, nil, min(p.Sessions, bearerSessions), bearer)
	onRedis.few, onRedis.many, embedded.few, embedded.many = fewRedis, manyRedis, fewEmbedded, manyEmbedded
	s.bearers = []*bearers{onRedis, embedded}
	s.carry(t, cookieEmbedded, "Cookie: "+measure.CookieName+"=", tokens)
	s.servers[roleStock] = startRival(t, where.server, roleStock, stockURL)
	s.servers[roleStockIdle] = startRival(t, where.server, roleStockIdle, stockURL)
	if whole {
		for _, role := range []string{roleEmpty, roleHS256, roleEd25519} {
			s.servers[role] = startRival(t, where.server, role, "")
		}
		s.carry(t, bearerHS256, "Authorization: Bearer ", signed(t, jwt.SigningMethodHS256, hmacKey))
		s.carry(t, bearerEd25519, "Authorization: Bearer ", signed(t, jwt.SigningMethodEdDSA, edKey))
		s.bodies = lines(t, people.logins())
	}
	return s
}

// usedMemory returns what Redis has allocated, in bytes.
func (s *stand) usedMemory(t testing.TB) float64 {
	t.Helper()
	info, err := measure.ReadInfo(s.redis)
	must(t, err)
	return float64(info.Number("used_memory"))
}

// signed returns as many tokens as keep a server from meeting the same one soon.
func signed(t testing.TB, method jwt.SigningMethod, key any) []string {
	t.Helper()
	tokens := make([]string, 1000)
	for i, u := range measure.Users(len(tokens)) {
		var err error
		tokens[i], err = signJWT(method, key, u)
		must(t, err)
	}
	return tokens
}

// carry writes the header lines that carry a sample of the tokens.
func (s *stand) carry(t testing.TB, kind, prefix string, tokens []string) {
	t.Helper()
	step := max(1, len(tokens)/sampled)
	var all []string
	for i := 0; i < len(tokens); i += step {
		all = append(all, prefix+tokens[i])
	}
	s.carriers[kind], s.bytes[kind] = lines(t, all), len(all[0])
}

// lines writes a file of lines.
func lines(t testing.TB, all []string) string {
	t.Helper()
	file := filepath.Join(testenv.TempDir(t), "lines")
	must(t, os.WriteFile(file, []byte(strings.Join(all, "\n")), 0o600))
	return file
}

// startGatehouse starts the program on an own database, in dir, with people and
// their sessions in it, whose tokens it returns.
func (s *stand) startGatehouse(t testing.TB, bin, name string, people people, env ...string) (dir string, tokens []string) {
	t.Helper()
	dir = testenv.TempDir(t)
	var perUser int
	if len(env) == 0 { // no Redis: the sessions are in this database
		perUser = s.PerUser
	}
	tokens = people.write(t, filepath.Join(dir, "gatehouse.db"), perUser)
	s.servers[name] = startServer(t, s.cores.server, dir, append(env, "GATEHOUSE_ADDR=127.0.0.1:0", "GATEHOUSE_RATE_LIMITS=off"),
		bin, "serve", "--data-dir="+dir)
	return dir, tokens
}

// people are the accounts of a stand: those that are signed in by cookie, those
// that are by access token, and those that log in while it is measured.
type people struct {
	signedIn, bearing, loggingIn []user.User
	hash                         string // of password
}

func newPeople(t testing.TB, signedIn []user.User, bearing int) people {
	t.Helper()
	hasher, err := user.NewHasher(user.HasherConfig{})
	must(t, err)
	hash, err := hasher.Hash(context.Background(), password)
	must(t, err)
	p := people{signedIn: signedIn, bearing: measure.Users(bearing), loggingIn: measure.Users(loginUsers), hash: hash}
	for i := range p.bearing {
		p.bearing[i].Username = "bearer" + p.bearing[i].Username
	}
	for i := range p.loggingIn {
		p.loggingIn[i].Username = "login" + p.loggingIn[i].Username
	}
	return p
}

// logins returns a form for each of those that log in.
func (p people) logins() []string {
	var all []string
	for _, u := range p.loggingIn {
		all = append(all, url.Values{"username": {u.Username}, "password": {password}}.Encode())
	}
	return all
}

// write fills a new SQLite database with the accounts, what the audit log has of
// their log-ins and, if perUser is not 0, the sessions of those who are signed
// in; it returns their tokens.
func (p people) write(t testing.TB, file string, perUser int) (tokens []string) {
	t.Helper()
	newDatabase(t, file)
	b := newBulk(t, file)
	for _, u := range slices.Concat(p.loggingIn, p.bearing) {
		b.account(u, p.hash)
	}
	for _, u := range p.signedIn {
		b.account(u, p.hash)
		b.loggedIn(u)
		for range perUser {
			tokens = append(tokens, b.session(u, 0))
		}
	}
	b.commit()
	return tokens
}
