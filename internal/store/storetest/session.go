package storetest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// Sessions is one backend, freshly made and empty, for RunSessions.
type Sessions struct {
	Store  session.Store
	Events session.Events // of Store
	Ledger session.Ledger
	Users  user.Store

	// Corrupt damages the stored record of a session, Newer makes it look as
	// if a later version had written it.
	Corrupt func(t *testing.T, id session.ID)
	Newer   func(t *testing.T, id session.ID)
	// Dump returns all that the backend has stored, in any form: what a thief
	// of a backup would read.
	Dump func(t *testing.T) []byte
}

// RunSessions holds a backend to the contract of session.Store and to the
// invariants I1 to I4 and I7 to I12, each in a test of its name. open is called
// once per test. (I5 is about one backend's faults, I6 about its outages.)
func RunSessions(t *testing.T, open func(t *testing.T) Sessions) {
	tests := []sessionTest{
		{"I1_OnlyStartCreates", onlyStartCreates},
		{"I1_IDsAreUsedOnce", idsAreUsedOnce},
		{"I1_EndAgainstRequestsInFlight", endAgainstRequestsInFlight},
		{"I1_RenewAgainstRequestsInFlight", renewAgainstRequestsInFlight},
		{"I1_DisableAgainstRequestsInFlight", disableAgainstRequestsInFlight},
		{"I1_EndAgainstRenew", endAgainstRenew},
		{"I1_ReplacedIsNotRenewed", replacedIsNotRenewed},
		{"I2_FinalBeforeAnswered", finalBeforeAnswered},
		{"I2_LedgerAway", ledgerAway},
		{"I2_EndIsRepeatable", endIsRepeatable},
		{"I2_UnrecordedEndsAreKept", unrecordedEndsAreKept},
		{"I2_UnrecordedEndsAreNotRefreshed", unrecordedEndsAreNotRefreshed},
		{"I2_HalfAnEndSaysWhichHalf", halfAnEndSaysWhichHalf},
		{"I3_EndUserMissesNone", endUserMissesNone},
		{"I3_EndUserSparesOthers", endUserSparesOthers},
		{"I3_ListsFollowStartsAndEnds", listsFollow},
		{"I4_LoginAgainstEndUser", loginAgainstEndUser},
		{"I4_LoginAgainstEndAll", loginAgainstEndAll},
		{"I4_TwoLoginsAgainstEndAll", twoLoginsAgainstEndAll},
		{"I4_KeptSessionOutlivesTheEpoch", keptSessionOutlives},
		{"I4_RenewWithAnOldEpoch", renewWithAnOldEpoch},
		{"I7_StoreHoldsNoToken", storeHoldsNoToken},
		{"I8_TwoDeadlines", twoDeadlines},
		{"I8_TouchesAreRare", touchesAreRare},
		{"I8_LateTouchRevivesNothing", lateTouchRevivesNothing},
		{"I8_ClocksThatDisagree", clocksThatDisagree},
		{"I9_NewToken", newToken},
		{"I10_OneEndReachesEveryNode", oneEndReachesEveryNode},
		{"I10_StreamsHearOfEveryEnd", streamsHear},
		{"I10_LostNewsIsMadeUpFor", lostNewsIsMadeUpFor},
		{"I11_NoSessionWithoutLogin", noSessionWithoutLogin},
		{"I12_UnreadableIsEnded", unreadableIsEnded},
		{"SaveKeepsDataAndDeadline", saveKeepsData},
		{"RecordSurvivesTheStore", recordSurvives},
		{"LimitHoldsUnderSimultaneousLogins", limitHolds},
		{"LimitIsReplacedOneForOne", limitReplaces},
		{"LimitThatWasLowered", limitLowered},
		{"LimitCountsOnlyTheLiving", limitCountsTheLiving},
		{"LimitSparesRenewalAndOthers", limitSpares},
		{"LimitReplacesInTheLedgerFirst", limitReplacesLedgerFirst},
		{"Search", search},
		{"Browse", browse},
		{"EndWhere", endWhere},
		{"EndWhereIsRecordedFirst", endWhereIsRecordedFirst},
		{"EndWhereAgainstLogins", endWhereAgainstLogins},
		{"EndWhereAgainstRenew", endWhereAgainstRenew},
		{"Reasons", reasons},
		{"EndsAreLogged", endsAreLogged},
	}
	tests = append(tests, refreshTests...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, newWorld(t, open(t)))
		})
	}
}

// sessionTest is one test of RunSessions.
type sessionTest struct {
	name string
	run  func(*testing.T, *world)
}

// world is a backend with what a program puts around it.
type world struct {
	Sessions
	t     *testing.T
	clock *clock
	*node
}

// node is one running program on the backend.
type node struct {
	manager *session.Manager
	cookies *session.Cookies
}

const cookieName = "session"

var limits = session.Limits{
	Idle:             time.Hour,
	Lifetime:         12 * time.Hour,
	RememberIdle:     14 * 24 * time.Hour,
	RememberLifetime: 30 * 24 * time.Hour,
}

func newWorld(t *testing.T, s Sessions) *world {
	w := &world{Sessions: s, t: t, clock: newClock()}
	w.node = w.newNode(s.Store)
	return w
}

func (w *world) newNode(store session.Store) *node {
	m := w.newManager(store, w.Ledger)
	return &node{m, session.NewCookies(m, cookieName, false)}
}

// clock is a time that tests move; it starts at the real time, because servers
// expire keys by theirs.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the time to now, back too.
func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var serial atomic.Int64

// newUser adds an account and returns it as a log-in would read it.
func (w *world) newUser() user.User {
	w.t.Helper()
	n := serial.Add(1)
	u := user.User{
		ID:           user.NewID(),
		Username:     "user" + strconv.FormatInt(n, 10),
		Role:         user.RoleUser,
		PasswordHash: "hash",
		CreatedAt:    w.clock.Now(),
	}
	must(w.t, w.Users.Create(context.Background(), u))
	return w.read(u)
}

// read returns the account as it is now.
func (w *world) read(u user.User) user.User {
	w.t.Helper()
	u, err := w.Users.ByID(context.Background(), u.ID)
	must(w.t, err)
	return u
}

// login starts a session and returns its token.
func (w *world) login(u user.User) (token string, id session.ID) {
	w.t.Helper()
	token, err := w.tryLogin(u, false)
	must(w.t, err)
	return token, session.IDOf(token)
}

// tryLogin starts a session for u as read by the caller.
func (w *world) tryLogin(u user.User, remember bool) (token string, err error) {
	rec := httptest.NewRecorder()
	_, err = w.cookies.Start(context.Background(), rec, session.New{
		User: u, Remember: remember,
		IP:     netip.MustParseAddr("192.0.2.7"),
		Device: session.Device{Browser: "Chrome", OS: "Windows"},
	})
	if err != nil {
		return "", err
	}
	return rec.Result().Cookies()[0].Value, nil
}

// request carries the token as a browser would.
func request(token string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if token != "" {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: token})
	}
	return r
}

// visit makes one whole request: load, maybe write to the session, commit.
// A nil error means that the request was accepted and answered.
func (n *node) visit(token string, write bool) error {
	ctx, err := n.cookies.Load(request(token))
	if err != nil {
		return err
	}
	if write {
		n.cookies.Put(ctx, "n", serial.Add(1))
	}
	return n.cookies.Commit(ctx)
}

// alive reports whether a request with the token is accepted; any answer but
// "yes" and "ended" fails the test.
func (w *world) alive(token string) bool {
	w.t.Helper()
	_, err := w.cookies.Load(request(token))
	if err != nil && !isEnded(err) {
		w.t.Fatalf("check: %v", err)
	}
	return err == nil
}

func (w *world) mustBeEnded(token string, why session.Reason) {
	w.t.Helper()
	_, err := w.cookies.Load(request(token))
	var ended *session.EndedError
	if !errors.As(err, &ended) {
		w.t.Fatalf("check: got %v, want ended", err)
	}
	if ended.Reason != why {
		w.t.Errorf("reason: got %q, want %q", ended.Reason, why)
	}
}

func isEnded(err error) bool {
	var ended *session.EndedError
	return errors.As(err, &ended)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var forced = session.Why{Reason: session.Forced}
