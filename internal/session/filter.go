package session

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/user"
)

// Filter selects the sessions that match everything set in it. A list shows
// all sessions for the zero Filter; nothing is ended by it, because a form or
// a command that has lost its fields must not put everyone out: that takes
// Everyone. IDs and Everyone stand alone.
type Filter struct {
	Text      string        // part of the username, of the IP, of the device or of the client, any case; or a CIDR
	User      user.ID       // of this account
	Role      user.Role     // of an account with this role
	IP        netip.Prefix  // logged in from inside this network
	Device    string        // part of the name of the device or of the client, any case
	OlderThan time.Duration // signed in at least this long ago
	IdleFor   time.Duration // not seen for at least this long
	Carrier   Carrier
	IDs       []ID
	Everyone  bool
}

// Errors of a filter that nothing may be ended by. Compare with errors.Is.
var (
	// ErrNoFilter: nothing is set.
	ErrNoFilter = errors.New("session: the filter is empty; everyone has to be said")
	// ErrFilterMix: IDs or Everyone are set beside something else.
	ErrFilterMix = errors.New("session: ids and everyone cannot be combined with a filter")
)

// criteria returns how many things are set.
func (f Filter) criteria() (n int) {
	for _, set := range []bool{
		strings.TrimSpace(f.Text) != "", f.User != "", f.Role != "", f.IP.IsValid(), strings.TrimSpace(f.Device) != "",
		f.OlderThan > 0, f.IdleFor > 0, f.Carrier != "", len(f.IDs) > 0, f.Everyone,
	} {
		if set {
			n++
		}
	}
	return n
}

// Empty reports whether nothing is set.
func (f Filter) Empty() bool { return f.criteria() == 0 }

// String says in a line what f selects, for logs.
func (f Filter) String() string {
	var parts []string
	add := func(set bool, name string, value any) {
		if set {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	add(f.Everyone, "everyone", "yes")
	add(len(f.IDs) > 0, "ids", len(f.IDs))
	add(f.Text != "", FieldText, strconv.Quote(f.Text))
	add(f.User != "", FieldUser, f.User)
	add(f.Role != "", FieldRole, f.Role)
	add(f.IP.IsValid(), FieldIP, f.IP)
	add(f.Device != "", FieldDevice, strconv.Quote(f.Device))
	add(f.OlderThan > 0, FieldOlder, f.OlderThan)
	add(f.IdleFor > 0, FieldIdle, f.IdleFor)
	add(f.Carrier != "", FieldCarrier, f.Carrier)
	return strings.Join(parts, " ")
}

// endable reports whether f says plainly what to end.
func (f Filter) endable() error {
	switch n := f.criteria(); {
	case n == 0:
		return ErrNoFilter
	case n > 1 && (f.Everyone || len(f.IDs) > 0):
		return ErrFilterMix
	}
	return nil
}

// Matches reports whether f selects s at now.
func (f Filter) Matches(s Session, now time.Time) bool {
	switch {
	case len(f.IDs) > 0 && !slices.Contains(f.IDs, s.ID),
		f.User != "" && s.User != f.User,
		f.Role != "" && s.Role != f.Role,
		f.IP.IsValid() && !f.IP.Contains(s.IP),
		f.Device != "" && !contains(s.Device.String(), f.Device) && !contains(s.Client, f.Device),
		f.OlderThan > 0 && now.Sub(s.Began) < f.OlderThan,
		f.IdleFor > 0 && now.Sub(s.LastSeen) < f.IdleFor,
		f.Carrier != "" && f.Carrier != s.Carrier:
		return false
	}
	return f.matchesText(s)
}

func (f Filter) matchesText(s Session) bool {
	text := strings.TrimSpace(f.Text)
	if text == "" {
		return true
	}
	if cidr, err := netip.ParsePrefix(text); err == nil {
		return cidr.Contains(s.IP)
	}
	return contains(s.Username, text) ||
		s.IP.IsValid() && contains(s.IP.String(), text) ||
		contains(s.Device.String(), text) ||
		contains(s.Client, text)
}

// contains reports whether part, without the space around it, is in s, any
// case.
func contains(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(strings.TrimSpace(part)))
}
