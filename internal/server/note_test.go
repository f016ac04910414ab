package server

import (
	"context"
	"net/http/httptest"
	"testing"

	"gatehouse/internal/audit"
	"gatehouse/internal/user"
)

// hastyLog calls before ahead of every entry.
type hastyLog struct {
	audit.Log
	before func()
}

func (l *hastyLog) Append(ctx context.Context, e audit.Event) error {
	l.before()
	return l.Log.Append(ctx, e)
}

// Who hangs up as soon as something is done, such as a thief who has shown a
// spent token, does not keep it out of the audit log.
func TestAuditKnowsOfWhoHangsUp(t *testing.T) {
	log := &hastyLog{before: func() {}}
	w := newWorld(t, func(c *Config) { log.Log, c.Audit = c.Audit, log })
	u := w.account("alice", user.RoleUser)
	alice := w.loggedIn("alice")
	ctx, hangUp := context.WithCancel(t.Context())
	log.before = hangUp
	r := httptest.NewRequest("POST", "/logout", nil).WithContext(ctx)
	r.Host = "localhost:8080"
	for _, cookie := range alice.cookies {
		r.AddCookie(cookie)
	}
	w.ServeHTTP(httptest.NewRecorder(), r)
	w.Wait()
	events, err := w.Audit.Recent(t.Context(), u.ID, 10)
	must(t, err)
	if len(events) == 0 || events[0].Kind != audit.Logout {
		t.Errorf("the log has no log-out: %+v", events)
	}
}
