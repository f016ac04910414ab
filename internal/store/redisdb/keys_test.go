package redisdb

import (
	"strings"
	"testing"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

func TestPackedIDs(t *testing.T) {
	id, u := session.IDOf("t"), user.NewID()
	if raw := packID(id); len(raw) != 32 || unpackID(raw) != id {
		t.Errorf("session %s: packed into %d bytes, unpacked as %s", id, len(raw), unpackID(raw))
	}
	if raw := packUser(u); len(raw) != 16 || unpackUser(raw) != u {
		t.Errorf("user %s: packed into %d bytes, unpacked as %s", u, len(raw), unpackUser(raw))
	}
	// What is no id is not taken for one, however long it is.
	for n := range 50 {
		text := strings.Repeat("-", n)
		if raw := packID(session.ID(text)); len(raw) == idBytes && n != 43 || unpackID(raw) != session.ID(text) {
			t.Errorf("%q: packed as %q, unpacked as %q", text, raw, unpackID(raw))
		}
		if raw := packUser(user.ID(text)); len(raw) == userBytes && n != 22 || unpackUser(raw) != user.ID(text) {
			t.Errorf("%q: packed as %q, unpacked as %q", text, raw, unpackUser(raw))
		}
	}
}
