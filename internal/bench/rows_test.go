package bench

import "net/http"

// row is one kind of request, to one server.
type row struct {
	name       string
	server     string // key of stand.servers
	carrier    string // key of stand.carriers; empty: none
	method     string
	path       string
	status     int
	redis      bool // the server asks Redis
	embedded   bool // the store is in the server's process
	population bool // what it costs could depend on how many sessions there are
	inTurn     bool // the carriers are used one after the other
	login      bool // sends log-in forms
	crowds     bool // also measured with other numbers of clients
}

// reference is the row that the others are compared with.
const reference = "JWT HS256"

// cheapest is where Gatehouse says least to somebody signed in: the check with
// everything around it, and a redirect without a body. It leads administrators
// on, so the people of the bench are some. (GET /login does so for everybody, but
// a store that is late makes it the log-in page, and no 503.)
const cheapest = "/admin"

// whoAmIPath says in JSON who is signed in, by cookie or by access token. The
// signature of a token that is shown again is remembered; whether its session
// lives is asked every time.
const whoAmIPath = "/api/v1/me"

// rows are what is measured, in the order of the table.
var rows = []row{
	{name: "empty handler", server: roleEmpty, path: "/"},
	{name: reference, server: roleHS256, carrier: bearerHS256, path: "/", crowds: true},
	{name: "JWT Ed25519", server: roleEd25519, carrier: bearerEd25519, path: "/"},
	{name: "scs + redisstore", server: roleStock, carrier: cookieStock, path: "/", redis: true, population: true},
	{name: "scs + redisstore, IdleTimeout", server: roleStockIdle, carrier: cookieStock, path: "/", redis: true, population: true},
	{name: "check, Redis", server: ourRedis, carrier: cookieRedis, path: cheapest, status: http.StatusSeeOther, redis: true, population: true, crowds: true},
	{name: "check, embedded", server: ourEmbedded, embedded: true, carrier: cookieEmbedded, path: cheapest, status: http.StatusSeeOther, population: true, crowds: true},
	{name: "me by cookie, Redis", server: ourRedis, carrier: cookieRedis, path: whoAmIPath, redis: true, population: true},
	{name: "me by cookie, embedded", server: ourEmbedded, embedded: true, carrier: cookieEmbedded, path: whoAmIPath, population: true},
	{name: "me by bearer remembered, Redis", server: ourRedis, carrier: fewRedis, path: whoAmIPath, redis: true, population: true},
	{name: "me by bearer remembered, embedded", server: ourEmbedded, embedded: true, carrier: fewEmbedded, path: whoAmIPath, population: true},
	{name: "me by bearer new, Redis", server: ourRedis, carrier: manyRedis, path: whoAmIPath, redis: true, population: true, inTurn: true},
	{name: "me by bearer new, embedded", server: ourEmbedded, embedded: true, carrier: manyEmbedded, path: whoAmIPath, population: true, inTurn: true},
	{name: "/mypage, Redis", server: ourRedis, carrier: cookieRedis, path: "/mypage", redis: true, population: true},
	{name: "/mypage, embedded", server: ourEmbedded, embedded: true, carrier: cookieEmbedded, path: "/mypage", population: true},
	{name: "log-in, Redis", server: ourRedis, method: http.MethodPost, path: "/login", status: http.StatusSeeOther, redis: true, login: true},
	{name: "log-in, embedded", server: ourEmbedded, embedded: true, method: http.MethodPost, path: "/login", status: http.StatusSeeOther, login: true},
}

func (r row) order(s *stand) order {
	o := order{Addr: s.servers[r.server].addr, Method: r.method, Path: r.path, Status: r.status, Carriers: s.carriers[r.carrier], InTurn: r.inTurn}
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	if o.Status == 0 {
		o.Status = http.StatusOK
	}
	if r.login {
		o.Bodies = s.bodies
	}
	return o
}
