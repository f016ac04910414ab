package audit

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/user"
)

// Entry is an event with its place in the log and the names to show.
type Entry struct {
	Event
	Seq       int64  // grows with every event; never used twice
	Username  string // of User; empty if there is no such account (any more)
	ActorName string // of Actor, likewise
}

// Query selects events. The zero Query selects all.
type Query struct {
	Text    string       // part of the username of User or Actor, or beginning of IP
	Account user.ID      // is User or Actor; empty: any
	Network netip.Prefix // if valid: IP is in it
	Kinds   []Kind       // one of these; none: any
	From    time.Time    // not before; zero: any
	To      time.Time    // before; zero: any
	Before  int64        // only what was appended before this Seq; 0: any
	Limit   int          // how many; 0: 50
}

// Errors of Parse functions.
var (
	ErrNetwork = errors.New("audit: not an address or network")
	ErrKind    = errors.New("audit: no such kind")
)

// ParseKind returns the kind called s, or ErrKind.
func ParseKind(s string) (Kind, error) {
	if k := Kind(s); slices.Contains(Kinds(), k) {
		return k, nil
	}
	return "", ErrKind
}

// ParseText makes of what somebody typed into a search field the Text or the
// Network of a query: an address or network in full is a Network. ErrNetwork
// if it has the slash of a network and is none: nothing else has one.
func ParseText(s string) (text string, network netip.Prefix, err error) {
	s = strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap().WithZone("")
		return "", netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if !strings.Contains(s, "/") {
		return s, netip.Prefix{}, nil
	}
	network, err = netip.ParsePrefix(s)
	if err != nil || network.Addr().Is4In6() {
		return "", netip.Prefix{}, ErrNetwork
	}
	return "", network.Masked(), nil
}
