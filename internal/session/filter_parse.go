package session

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/user"
)

// The names of a filter's fields, in addresses, forms and messages.
const (
	FieldText    = "q"
	FieldUser    = "user"
	FieldRole    = "role"
	FieldIP      = "ip"
	FieldDevice  = "device"
	FieldOlder   = "older"
	FieldIdle    = "idle"
	FieldCarrier = "carrier"
)

// FilterFields returns the names of all fields, in the order of pages.
func FilterFields() []string {
	return []string{FieldText, FieldUser, FieldRole, FieldIP, FieldDevice, FieldOlder, FieldIdle, FieldCarrier}
}

// BadFilter is the error for a filter that cannot be understood: by field, what
// was given for it. A name that is no field at all is in it, too.
type BadFilter map[string]string

// Error lists fields and values.
func (b BadFilter) Error() string {
	parts := make([]string, 0, len(b))
	for _, field := range slices.Sorted(maps.Keys(b)) {
		parts = append(parts, fmt.Sprintf("%s: %q", field, b[field]))
	}
	return "session: cannot filter by " + strings.Join(parts, ", ")
}

// ParseFilter reads a filter from its fields; an empty value is none. find
// returns the account that a username names, or user.ErrNotFound. Errors are
// BadFilter, with every field that is wrong, or what else find returned.
func ParseFilter(fields map[string]string, find func(name string) (user.ID, error)) (Filter, error) {
	var f Filter
	bad := BadFilter{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		value, ok := strings.TrimSpace(fields[field]), true
		if value == "" && slices.Contains(FilterFields(), field) {
			continue
		}
		switch field {
		case FieldText:
			f.Text = value
		case FieldUser:
			u, err := find(value)
			if err != nil && !errors.Is(err, user.ErrNotFound) {
				return Filter{}, err
			}
			f.User, ok = u, err == nil
		case FieldRole:
			f.Role, ok = user.ParseRole(value)
		case FieldIP:
			f.IP, ok = ParseNetwork(value)
		case FieldDevice:
			f.Device = value
		case FieldOlder:
			f.OlderThan, ok = parseAge(value)
		case FieldIdle:
			f.IdleFor, ok = parseAge(value)
		case FieldCarrier:
			f.Carrier = Carrier(value)
			ok = f.Carrier == Cookie || f.Carrier == Bearer
		default:
			ok = false
		}
		if !ok {
			bad[field] = value
		}
	}
	if len(bad) > 0 {
		return Filter{}, bad
	}
	return f, nil
}

// ParseIDs reads the ids of selected sessions, each once. Not one that is none:
// ErrID.
func ParseIDs(texts []string) ([]ID, error) {
	var ids []ID
	for _, text := range texts {
		id, err := ParseID(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// ParseNetwork reads an address or a network. One written as IPv4 inside IPv6
// means the IPv4, which is how sessions keep it.
func ParseNetwork(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), err == nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// maxAge bounds an age, in days; no session is as old.
const maxAge = 3650

// parseAge reads Go's durations, with days in front: 30m, 36h, 7d, 1d12h.
func parseAge(s string) (time.Duration, bool) {
	var age time.Duration
	if days, rest, found := strings.Cut(s, "d"); found {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > maxAge {
			return 0, false
		}
		age, s = time.Duration(n)*24*time.Hour, rest
	}
	if s != "" || age == 0 {
		more, err := time.ParseDuration(s)
		if err != nil || more < 0 || more > maxAge*24*time.Hour {
			return 0, false
		}
		age += more
	}
	return age, age > 0
}
