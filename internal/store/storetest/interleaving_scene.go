package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/interleave"
	"gatehouse/internal/user"
)

// house is a backend with as many programs on it as there are actors, and one
// more that looks on.
type house struct {
	t        *testing.T
	reset    func()
	index    func(user.ID) []session.ID
	newUser  func() user.ID
	swap     func(one, other string) bool
	stage    *interleave.Stage
	programs [mostActors]Sessions
	looking  Sessions
	clock    *clock
	begin    time.Time
	hasher   *user.Hasher
	hashes   [2]string // of secret: before and after a change of password
	stranger user.User
	user     user.User // everything is about; another where the last was changed
	scene    *scene    // being played
}

// secret is everybody's password.
const secret = "a password"

// newHouse opens the programs; wrong, if not nil, is what is wrong with them.
func newHouse(t *testing.T, b Interleaved, wrong func(Sessions) Sessions) *house {
	h := &house{
		t: t, reset: b.Reset, index: b.Index, swap: b.Commute, newUser: b.NewUser,
		stage: interleave.NewStage(mostActors),
		clock: newClock(),
	}
	if h.newUser == nil {
		h.newUser = user.NewID
	}
	h.begin = h.clock.Now()
	for i := range h.programs {
		pause := func(step string) { h.pause(i, step) }
		p := b.Open(pause)
		p.Ledger, p.Users = pausedLedger{p.Ledger, pause}, pausedUsers{users: p.Users, pause: pause}
		if wrong != nil {
			p = wrong(p)
		}
		h.programs[i] = p
	}
	h.looking = b.Open(func(string) {})
	var err error
	// As cheap as can be: nobody attacks these hashes.
	h.hasher, err = user.NewHasher(user.HasherConfig{Params: user.Params{Memory: 8, Time: 1, Threads: 1, SaltLen: 16, KeyLen: 16}})
	must(t, err)
	for i := range h.hashes {
		h.hashes[i], err = h.hasher.Hash(background, secret)
		must(t, err)
	}
	h.stranger = h.add()
	return h
}

// pause makes actor i wait, and notes when what it does began.
func (h *house) pause(i int, step string) {
	if h.scene == nil {
		return
	}
	a := h.scene.actors[i]
	h.stage.Pause(i, a.doing+": "+step)
	if a.began == 0 {
		a.began = h.stage.Now()
	}
}

func (h *house) add() user.User {
	u := user.User{
		ID: h.newUser(), Username: "user" + strconv.FormatInt(serial.Add(1), 10), Role: user.RoleUser,
		PasswordHash: h.hashes[0], CreatedAt: h.begin,
	}
	must(h.t, h.looking.Users.Create(background, u))
	return u
}

// scene is one play: a user with two sessions, the older of which is what
// everything is about, and a stranger with one.
type scene struct {
	*house
	combination
	actors  []*actor
	manager *session.Manager // of the program that looks on
	user    user.User        // as before anybody came
	head    int64            // of the ledger, at the beginning

	subject, mine, others session.ID
	heirs                 []session.ID // what the subject is to be called after a renewal
	newcomers             []*newcomer
	renewals              int                     // tried
	tokens                map[session.ID][]string // refresh tokens given out, by generation
	uses                  []*use
	calls                 []call
	done                  []*ended

	seen     map[session.ID]bool // who is alive, as far as asked since the last step
	recorded bool                // the subject has been seen to be over, and the ledger to know
	wrong    []string            // what has been found
	slow     error               // a store was: nothing has been found out
}

// newcomer is the session of a log-in.
type newcomer struct {
	id    session.ID
	epoch user.Epoch // as read before the password was checked
	in    bool       // the log-in has been told that it has succeeded
}

// call is one operation of an actor on the session store.
type call struct {
	kind            string
	id              session.ID // of the session it is about
	epoch           user.Epoch // of a log-in
	began, answered int        // its first and last step
	err             error
}

// ended is an end that has been answered, or will be.
type ended struct {
	ending
	call
	receipt session.Receipt
	epoch   user.Epoch // of the user, after the answer
}

var background = context.Background()

func (h *house) newScene(c combination) *scene {
	h.reset()
	if h.scene == nil || c.String() != h.scene.String() || h.scene.changesUser() {
		h.user = h.add()
	}
	s := &scene{house: h, combination: c, tokens: map[session.ID][]string{}}
	var err error
	s.user, err = h.looking.Users.ByID(background, h.user.ID)
	must(h.t, err)
	stranger, err := h.looking.Users.ByID(background, h.stranger.ID)
	must(h.t, err)
	s.head, err = h.looking.Ledger.Head(background)
	must(h.t, err)
	s.manager = session.NewManager(h.looking.Store, h.looking.Ledger, limits, h.clock.Now, session.WithRefreshKey(refreshTestKey))
	h.clock.Set(h.begin)
	s.subject = s.begin(s.user, s.has(func(r deed) bool { return r.bearer }))
	h.clock.Advance(time.Minute)
	s.mine = s.begin(s.user, false)
	s.others = s.begin(stranger, false)
	h.clock.Advance(limits.Idle / 2) // so that a touch is due
	s.rotate()
	few := limits
	few.PerUser = c.limit
	for i := range len(c.requests) + len(c.ends) {
		p := h.programs[i]
		s.actors = append(s.actors, &actor{
			scene:    s,
			index:    i,
			manager:  session.NewManager(p.Store, p.Ledger, few, h.clock.Now, session.WithRefreshKey(refreshTestKey)),
			users:    p.Users,
			accounts: user.NewService(p.Users, h.hasher, user.Policy{}, h.clock.Now),
		})
	}
	h.scene = s
	return s
}

// begin starts a session, in a cookie or for a client with refresh tokens.
func (s *scene) begin(u user.User, bearer bool) (id session.ID) {
	s.t.Helper()
	s.patiently(func() error {
		if bearer {
			started, token, err := s.manager.StartBearer(background, session.New{User: u})
			id, s.tokens[started.ID] = started.ID, []string{token}
			return err
		}
		_, id = session.NewToken(u.ID)
		_, err := s.manager.Start(background, id, session.New{User: u}, nil)
		return err
	})
	return id
}

// rotate spends the refresh tokens that are to be spent before anybody comes.
func (s *scene) rotate() {
	s.t.Helper()
	for n := range s.rotated() {
		var next string
		s.patiently(func() (err error) {
			_, next, err = s.manager.Refresh(background, s.tokens[s.subject][n])
			return err
		})
		s.given(n+2, next)
	}
}

// patiently does f, unless the store is slow, which it may be many times.
func (s *scene) patiently(f func() error) {
	s.t.Helper()
	var err error
	for range 20 {
		if err = f(); !isSlow(err) {
			break
		}
	}
	must(s.t, err)
}

// changesUser reports whether more of the account is changed than its epoch.
func (s *scene) changesUser() bool {
	return s.has(func(r deed) bool { return r.changesPassword }) ||
		slices.ContainsFunc(s.ends, func(e ending) bool { return e.disables || e.password })
}

// acts returns what each actor does.
func (s *scene) acts() (acts []func()) {
	for i, r := range s.requests {
		acts = append(acts, func() { r.act(s.actors[i]) })
	}
	for i, e := range s.ends {
		acts = append(acts, func() { s.actors[len(s.requests)+i].end(e) })
	}
	return acts
}

// commute reports whether two steps can change places. Not where one answers a
// call and the other begins one: then the first was over before the second.
func (s *scene) commute(taken, next interleave.Step) bool {
	if s.actors[taken.Actor].answered == s.stage.Now() && s.actors[next.Actor].began == 0 {
		return false
	}
	_, one, _ := strings.Cut(taken.Name, ": ")
	_, other, _ := strings.Cut(next.Name, ": ")
	return one == comesIn || other == comesIn || s.swap != nil && s.swap(one, other)
}

// names returns what to call the actors.
func (s *scene) names() (names []string) {
	for _, r := range s.requests {
		names = append(names, r.name)
	}
	for _, e := range s.ends {
		names = append(names, e.name)
	}
	return names
}

// actor is one of those who act at the same time, a program of its own.
type actor struct {
	*scene
	index    int
	manager  *session.Manager
	users    user.Store
	accounts *user.Service
	doing    string // the call under way
	began    int    // its first step, 0 before it
	answered int    // the last step of the call before
	// comesIn makes the next check or refresh begin with a step of its own, in
	// which nothing happens: one that asks no store would else be no later than
	// the one before.
	comesIn bool
}

const comesIn = "comes in"

func (a *actor) comeIn() {
	if a.comesIn {
		a.pause(a.index, comesIn)
	}
}

// call does one operation and notes when it began and was answered.
func (a *actor) call(kind string, id session.ID, f func() error) call {
	a.doing, a.began = kind, 0
	err := f()
	a.answered = a.stage.Now()
	c := call{kind: kind, id: id, began: a.began, answered: a.answered, err: err}
	if isSlow(err) {
		a.slow = err
	}
	a.calls = append(a.calls, c)
	return c
}

// isSlow reports whether a store gave no answer, as on a busy machine.
func isSlow(err error) bool {
	return errors.Is(err, session.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}
