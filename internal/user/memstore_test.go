package user

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// memStore keeps the contract of Store in memory, so that the rules here can
// be tested without a database. The real stores have their own suite.
type memStore struct {
	mu    sync.Mutex
	users map[ID]User
	codes map[string]time.Time
	down  error // what every call answers, if set
	calls []string
}

var _ Store = (*memStore)(nil)

func newMemStore() *memStore {
	return &memStore{users: map[ID]User{}, codes: map[string]time.Time{}}
}

func (m *memStore) begin(call string) (unlock func(), err error) {
	m.mu.Lock()
	m.calls = append(m.calls, call)
	return m.mu.Unlock, m.down
}

func (m *memStore) Create(_ context.Context, u User) error {
	unlock, err := m.begin("Create")
	defer unlock()
	if err != nil {
		return err
	}
	return m.create(u)
}

func (m *memStore) create(u User) error {
	for _, o := range m.users {
		if o.Username == u.Username {
			return ErrUsernameTaken
		}
	}
	for _, o := range m.users {
		if u.Email != "" && EmailKey(o.Email) == EmailKey(u.Email) {
			return ErrEmailTaken
		}
	}
	u.Epoch = Epoch{All: 3, User: 1}
	m.users[u.ID] = u
	return nil
}

func (m *memStore) ByID(_ context.Context, id ID) (User, error) {
	unlock, err := m.begin("ByID")
	defer unlock()
	if err != nil {
		return User{}, err
	}
	return m.find(id)
}

func (m *memStore) find(id ID) (User, error) {
	u, ok := m.users[id]
	if !ok {
		return User{}, ErrNotFound
	}
	return u, nil
}

func (m *memStore) ByLogin(_ context.Context, login string) (User, error) {
	unlock, err := m.begin("ByLogin")
	defer unlock()
	if err != nil {
		return User{}, err
	}
	for _, u := range m.users {
		if u.Username == login || strings.Contains(login, "@") && EmailKey(u.Email) == EmailKey(login) {
			return u, nil
		}
	}
	return User{}, ErrNotFound
}

func (m *memStore) List(_ context.Context, q Query) ([]User, int, error) {
	unlock, err := m.begin("List")
	defer unlock()
	if err != nil {
		return nil, 0, err
	}
	var found []User
	for _, u := range m.users {
		if strings.Contains(strings.ToLower(u.Username+"\n"+u.Name+"\n"+u.Email), strings.ToLower(q.Text)) {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b User) int { return strings.Compare(a.Username, b.Username) })
	all, limit := len(found), q.Limit
	if limit == 0 {
		limit = 50
	}
	found = slices.DeleteFunc(found, func(u User) bool { return u.Username <= q.After })
	found = found[min(q.Offset, len(found)):]
	return found[:min(limit, len(found))], all, nil
}

func (m *memStore) SetPassword(_ context.Context, id ID, old, hash string, _ Change) (Epoch, error) {
	unlock, err := m.begin("SetPassword")
	defer unlock()
	if err != nil {
		return Epoch{}, err
	}
	u, err := m.find(id)
	if err != nil {
		return Epoch{}, err
	}
	if old != "" && u.PasswordHash != old {
		return Epoch{}, ErrChanged
	}
	u.PasswordHash = hash
	return m.raise(u), nil
}

func (m *memStore) raise(u User) Epoch {
	u.Epoch.User++
	m.users[u.ID] = u
	return u.Epoch
}

func (m *memStore) Rehash(_ context.Context, id ID, old, hash string) error {
	unlock, err := m.begin("Rehash")
	defer unlock()
	if err != nil {
		return err
	}
	if u, ok := m.users[id]; ok && u.PasswordHash == old {
		u.PasswordHash = hash
		m.users[id] = u
	}
	return nil
}

func (m *memStore) Disable(_ context.Context, id ID, c Change) (Epoch, error) {
	unlock, err := m.begin("Disable")
	defer unlock()
	if err != nil {
		return Epoch{}, err
	}
	u, err := m.find(id)
	if err != nil {
		return Epoch{}, err
	}
	if m.lastAdmin(u) {
		return Epoch{}, ErrLastAdmin
	}
	u.DisabledAt = c.At
	return m.raise(u), nil
}

func (m *memStore) lastAdmin(u User) bool {
	for _, o := range m.users {
		if o.ID != u.ID && o.IsAdmin() && !o.Disabled() {
			return false
		}
	}
	return u.IsAdmin() && !u.Disabled()
}

func (m *memStore) Enable(_ context.Context, id ID, _ Change) error {
	unlock, err := m.begin("Enable")
	defer unlock()
	if err != nil {
		return err
	}
	u, err := m.find(id)
	if err != nil {
		return err
	}
	u.DisabledAt = time.Time{}
	m.users[id] = u
	return nil
}

func (m *memStore) SetRole(_ context.Context, id ID, role Role, _ Change) (Epoch, bool, error) {
	unlock, err := m.begin("SetRole")
	defer unlock()
	if err != nil {
		return Epoch{}, false, err
	}
	u, err := m.find(id)
	if err != nil {
		return Epoch{}, false, err
	}
	if u.Role == role {
		return u.Epoch, false, nil
	}
	if m.lastAdmin(u) {
		return Epoch{}, false, ErrLastAdmin
	}
	u.Role = role
	return m.raise(u), true, nil
}

func (m *memStore) HasAdmin(context.Context) (bool, error) {
	unlock, err := m.begin("HasAdmin")
	defer unlock()
	return m.hasAdmin(), err
}

func (m *memStore) hasAdmin() bool {
	for _, u := range m.users {
		if u.IsAdmin() {
			return true
		}
	}
	return false
}

func (m *memStore) AddSetupCode(_ context.Context, hash string, expires time.Time) error {
	unlock, err := m.begin("AddSetupCode")
	defer unlock()
	if err != nil {
		return err
	}
	m.codes[hash] = expires
	return nil
}

func (m *memStore) SetupCode(_ context.Context, hash string, now time.Time) error {
	unlock, err := m.begin("SetupCode")
	defer unlock()
	if err != nil {
		return err
	}
	return m.setupCode(hash, now)
}

func (m *memStore) setupCode(hash string, now time.Time) error {
	if m.hasAdmin() {
		return ErrSetupClosed
	}
	if expires, ok := m.codes[hash]; !ok || !now.Before(expires) {
		return ErrSetupCode
	}
	return nil
}

func (m *memStore) CreateFirstAdmin(_ context.Context, hash string, now time.Time, u User) error {
	unlock, err := m.begin("CreateFirstAdmin")
	defer unlock()
	if err != nil {
		return err
	}
	if err := m.setupCode(hash, now); err != nil {
		return err
	}
	if err := m.create(u); err != nil {
		return err
	}
	clear(m.codes)
	return nil
}
