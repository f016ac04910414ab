package session

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"gatehouse/internal/user"
)

// Cookies carries sessions in a browser cookie. Cookie and data map are scs'; which
// token, when to read, create, save and end is ours: scs' own LoadAndSave,
// IdleTimeout and unconditional commit would bring ended sessions back.
//
// A request goes through Load, then its handler, then Commit, and only then may
// its answer be sent.
type Cookies struct {
	manager *Manager
	loaded  *scs.SessionManager // the session that came with the request
	fresh   *scs.SessionManager // one that this request starts; scs keeps one per context and manager
}

// NewCookies returns the cookie carrier of m's sessions. The cookie is HttpOnly,
// SameSite=Lax, for Path=/ and this host only; secure adds Secure, which a name
// starting with __Host- demands.
func NewCookies(m *Manager, name string, secure bool) *Cookies {
	c := &Cookies{manager: m, loaded: scs.New(), fresh: scs.New()}
	for _, s := range []*scs.SessionManager{c.loaded, c.fresh} {
		s.Store = guardedStore{m}
		s.Codec = dataCodec{}
		s.HashTokenInStore = true // the store only ever sees session ids
		s.IdleTimeout = 0         // idle deadlines are the Manager's
		s.Cookie.Name = name
		s.Cookie.Secure = secure
		s.Cookie.HttpOnly = true
		s.Cookie.SameSite = http.SameSiteLaxMode
		s.Cookie.Path = "/"
		s.Cookie.Persist = false // persistent only when the person asked for it
	}
	return c
}

// Visit is one request's dealings with its session. It is also the context that
// carries them, for as long as the request lasts. Whoever embeds one in a context
// of their own gives it the parent and lets Enter or EnterBearer fill it.
type Visit struct {
	context.Context
	present bool // there is a session, or one is being created
	session Session
	token   string          // that the request brought; empty for a session being created
	data    context.Context // with what scs makes of session.Data; nil until somebody asks for it
	over    bool            // ended, renewed or given up by the request itself: nothing to commit
	// Set while a session is being created, for guardedStore.
	start *New
	renew *renewal
}

type renewal struct {
	old   Session
	epoch user.Epoch
}

type visitKey struct{}

func visitOf(ctx context.Context) *Visit {
	v, _ := ctx.Value(visitKey{}).(*Visit)
	return v
}

// Value implements context.Context.
func (v *Visit) Value(key any) any {
	if v.present {
		if _, mine := key.(visitKey); mine {
			return v
		}
	}
	return v.Context.Value(key)
}

// ID returns which session it is; empty if there is none.
func (v *Visit) ID() ID { return v.session.ID }

// none makes v as it was before Enter.
func (v *Visit) none() { *v = Visit{Context: v.Context} }

// FromContext returns the session that Load, Enter or EnterBearer found for this
// request.
func FromContext(ctx context.Context) (Session, bool) {
	v := visitOf(ctx)
	if v == nil || v.over {
		return Session{}, false
	}
	return v.session, true
}

// Leave leaves nothing of the request's session to commit: for one that this
// request has ended or renewed.
func Leave(ctx context.Context) {
	if v := visitOf(ctx); v != nil {
		v.over = true
	}
}

// Load checks the session whose token the request's cookie carries and returns a
// context that carries it. ErrNone if there is no cookie or its value is no
// token that we could have issued: then the store was not asked. *EndedError,
// ErrUnavailable as Manager.Check.
func (c *Cookies) Load(r *http.Request) (context.Context, error) {
	v := &Visit{Context: r.Context()}
	if err := c.Enter(r, v); err != nil {
		return nil, err
	}
	return v, nil
}

// Enter is Load for a context that is there already: v, new but for its parent.
// With an error it stays as it was.
func (c *Cookies) Enter(r *http.Request, v *Visit) error {
	token := c.token(r)
	if token == "" {
		return ErrNone
	}
	id := IDOf(token)
	s, err := c.manager.Check(v.Context, id)
	if err != nil {
		return err
	}
	v.present, v.session, v.token = true, s, token
	// Nearly every session carries no data. scs would make a map, a lock and
	// two contexts for it and hash the token once more, a quarter of what a
	// check allocates: it is asked when there is data, or somebody adds some.
	if len(s.Data) == 0 {
		return nil
	}
	if v.data, err = c.loaded.Load(v, token); err == nil {
		return nil
	}
	v.none()
	if errors.Is(err, ErrUnreadable) {
		return c.manager.endUnreadable(v.Context, id) // the record was readable, the data in it not
	}
	return err
}

// token returns the request's token if it has the shape of one.
func (c *Cookies) token(r *http.Request) string {
	value := cookieNamed(r.Header["Cookie"], c.loaded.Cookie.Name)
	if !has32Bytes(value) {
		return ""
	}
	return value
}

// open returns the context in which scs finds the data of the request's session.
func (c *Cookies) open(ctx context.Context) context.Context {
	v := visitOf(ctx)
	if v == nil {
		return ctx // scs panics: the program has not asked Load
	}
	if v.data == nil {
		data, err := c.loaded.Load(v, v.token)
		if err != nil {
			return ctx // cannot be: there is nothing to decode
		}
		v.data = data
	}
	return v.data
}

// Put keeps a value (string, []byte, int64, bool) in the request's session. Like
// all that follows it is for the one goroutine that answers the request.
func (c *Cookies) Put(ctx context.Context, key string, value any) {
	c.loaded.Put(c.open(ctx), key, value)
}

// PopString takes a string out of the request's session; empty if there is none.
func (c *Cookies) PopString(ctx context.Context, key string) string {
	if v := visitOf(ctx); v != nil && v.data == nil {
		return ""
	}
	return c.loaded.PopString(c.open(ctx), key)
}

// Commit writes what the handler changed, or else moves the idle deadline if
// that is due: at most one write. It does the latter for a bearer session, too,
// in which handlers keep nothing. *EndedError if the session has ended since
// Load; then the handler's answer must not be sent.
func (c *Cookies) Commit(ctx context.Context) error {
	v := visitOf(ctx)
	if v == nil || v.over {
		return nil
	}
	if v.data != nil && c.loaded.Status(v.data) == scs.Modified {
		_, _, err := c.loaded.Commit(v.data)
		return err
	}
	err := c.manager.Touch(ctx, v.session)
	if errors.Is(err, ErrUnavailable) {
		return nil // the check has passed and nothing is lost; the next request touches
	}
	return err
}

// Start begins a session for n.User and sets its cookie on w. ErrEpoch if the
// user's sessions were ended since n.User was read; then no cookie is set.
func (c *Cookies) Start(ctx context.Context, w http.ResponseWriter, n New) (Session, error) {
	v := &Visit{Context: ctx, present: true, start: &n}
	ctx, err := c.fresh.Load(v, newToken(n.User.ID))
	if err != nil {
		return Session{}, err
	}
	return c.issue(ctx, w, v)
}

// Renew gives the request's session a new token (I9), moves it on to epoch and
// sets the cookie on w; the old token is ended. ErrNone, *EndedError, ErrEpoch.
func (c *Cookies) Renew(ctx context.Context, w http.ResponseWriter, epoch user.Epoch) (Session, error) {
	old := visitOf(ctx)
	if old == nil || old.over {
		return Session{}, ErrNone
	}
	v := &Visit{Context: ctx, present: true, renew: &renewal{old: old.session, epoch: epoch}}
	next, err := c.fresh.Load(v, newToken(old.session.User))
	if err != nil {
		return Session{}, err
	}
	if old.data != nil {
		for _, key := range c.loaded.Keys(old.data) {
			c.fresh.Put(next, key, c.loaded.Get(old.data, key))
		}
	}
	s, err := c.issue(next, w, v)
	if err == nil {
		old.over = true
	}
	return s, err
}

// newToken returns the token of a new session of u. scs would make it, if its id
// did not have to fit the user; it finds no data under it yet.
func newToken(u user.ID) string {
	token, _ := NewToken(u)
	return token
}

// issue creates the session that v describes and sets its cookie.
func (c *Cookies) issue(ctx context.Context, w http.ResponseWriter, v *Visit) (Session, error) {
	token, _, err := c.fresh.Commit(ctx) // calls guardedStore.CommitCtx
	if err != nil {
		return Session{}, err
	}
	if v.session.Remember { // scs asks the data whether the cookie shall persist
		c.fresh.RememberMe(ctx, true)
	}
	c.fresh.WriteSessionCookie(ctx, w, token, v.session.Deadline)
	// scs adds a Cache-Control of its own, weaker than what an answer with a
	// cookie needs.
	w.Header().Set("Cache-Control", "no-store")
	return v.session, nil
}

// Forget clears the cookie and leaves nothing of the request's session to
// commit: for log-out, and for a session that has ended.
func (c *Cookies) Forget(ctx context.Context, w http.ResponseWriter) {
	Leave(ctx)
	c.fresh.WriteSessionCookie(ctx, w, "", time.Time{})
	// Chromium keeps pages for Back in spite of no-store. It drops them when an
	// HttpOnly cookie is set, but not when one is deleted (measured with 156);
	// without scripts nothing else would keep them from being shown again.
	http.SetCookie(w, &http.Cookie{
		Name:     c.fresh.Cookie.Name + "-ended",
		Value:    strconv.FormatInt(time.Now().UnixNano(), 36),
		Path:     "/",
		MaxAge:   60,
		HttpOnly: true,
		Secure:   c.fresh.Cookie.Secure,
		SameSite: http.SameSiteLaxMode,
	})
	w.Header().Set("Cache-Control", "no-store")
}

// guardedStore is the scs.CtxStore that scs is allowed to see. scs knows one
// way to write, "commit"; whether that is a start, a renewal or a save is told
// by the visit in the context, and each is conditional (I1).
type guardedStore struct{ manager *Manager }

var _ scs.CtxStore = guardedStore{}

// FindCtx returns the data of the session that Load has just checked; the store
// is not asked again.
func (g guardedStore) FindCtx(ctx context.Context, _ string) ([]byte, bool, error) {
	v := visitOf(ctx)
	if v == nil {
		return nil, false, errNoVisit
	}
	return v.session.Data, true, nil
}

// CommitCtx creates or saves the session. The expiry that scs computed is not
// used: deadlines are the Manager's.
func (g guardedStore) CommitCtx(ctx context.Context, id string, data []byte, _ time.Time) (err error) {
	v := visitOf(ctx)
	switch {
	case v == nil:
		return errNoVisit
	case v.start != nil:
		v.session, err = g.manager.Start(ctx, ID(id), *v.start, data)
	case v.renew != nil:
		v.session, err = g.manager.Renew(ctx, v.renew.old, ID(id), v.renew.epoch, data)
	default:
		err = g.manager.Save(ctx, v.session, data)
	}
	return err
}

// The rest of scs' contract is never called: ends go through the Manager, and
// there is no dealing with a session without a context.
var errNoVisit = errors.New("session: scs used outside Cookies")

func (guardedStore) DeleteCtx(context.Context, string) error { return errNoVisit }
func (guardedStore) Delete(string) error                     { return errNoVisit }
func (guardedStore) Find(string) ([]byte, bool, error)       { return nil, false, errNoVisit }
func (guardedStore) Commit(string, []byte, time.Time) error  { return errNoVisit }

// dataCodec is the scs.Codec of the data map; deadlines live in the record.
type dataCodec struct{}

var _ scs.Codec = dataCodec{}

// Encode implements scs.Codec.
func (dataCodec) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	return encodeData(values)
}

// Decode implements scs.Codec.
func (dataCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	values, err := decodeData(b)
	return time.Time{}, values, err
}

// Carried reports whether the request carries something that could be a token,
// without asking the store.
func (c *Cookies) Carried(r *http.Request) bool { return c.token(r) != "" }
