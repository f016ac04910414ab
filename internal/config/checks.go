package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problems collects what is wrong, one line each. Its methods check one value,
// and return the zero value for one that is wrong.
type problems []error

func (p *problems) add(env, format string, args ...any) {
	*p = append(*p, fmt.Errorf(env+" "+format, args...))
}

func (p *problems) addr(env, value string) string {
	return p.hostPort(env, value, "such as 127.0.0.1:8080, or :8080 for all addresses")
}

// addrOrOff is addr for what may be off; then it is empty.
func (p *problems) addrOrOff(env, value string) string {
	if orDefault(env, value) == "off" {
		return ""
	}
	return p.hostPort(env, value, "such as 127.0.0.1:9090, or off")
}

func (p *problems) hostPort(env, value, hint string) string {
	value = orDefault(env, value)
	_, port, err := net.SplitHostPort(value)
	if err != nil || !isPort(port) {
		p.add(env, "is %q: want host:port, %s", value, hint)
		return ""
	}
	return value
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// choice reports whether value is yes; the only other right value is no.
func (p *problems) choice(env, value, yes, no string) bool {
	value = orDefault(env, value)
	if value != yes && value != no {
		p.add(env, "is %q: want %s or %s", value, yes, no)
	}
	return value == yes
}

// oneOf returns value, which has to be one of the words; there are at least two.
func (p *problems) oneOf(env, value string, words ...string) string {
	value = orDefault(env, value)
	if !slices.Contains(words, value) {
		last := len(words) - 1
		p.add(env, "is %q: want %s or %s", value, strings.Join(words[:last], ", "), words[last])
		return ""
	}
	return value
}

func (p *problems) number(env, value string, least, most int) int {
	value = orDefault(env, value)
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		p.add(env, "is %q: want a number from %d to %d", value, least, most)
		return 0
	}
	return n
}

// networks reads addresses and networks separated by commas. One that covers
// everybody is refused: then any client could claim any address.
func (p *problems) networks(env, value string) []netip.Prefix {
	value = orDefault(env, value)
	if value == "none" {
		return nil
	}
	var all []netip.Prefix
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		prefix, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil:
			p.add(env, "contains %q: want addresses or networks separated by commas, such as 10.0.0.5,192.168.0.0/16, or none", part)
		case prefix.Bits() == 0:
			p.add(env, "contains %q: that trusts everybody, so anybody could claim any address; name the proxies", part)
		default:
			all = append(all, prefix.Masked())
		}
	}
	return all
}

const (
	shortest = time.Second
	longest  = 400 * 24 * time.Hour // browsers keep no cookie longer
)

func (p *problems) duration(env, value string) time.Duration {
	return p.durationWithin(env, value, shortest, longest)
}

func (p *problems) durationWithin(env, value string, shortest, longest time.Duration) time.Duration {
	value = orDefault(env, value)
	d, ok := parseDuration(value)
	switch {
	case !ok:
		p.add(env, "is %q: want a number with a unit, such as 90s, 30m, 12h or 14d", value)
	case d < shortest || d > longest:
		p.add(env, "is %q: want at least %s and at most %s", value, durationText(shortest), durationText(longest))
	default:
		return d
	}
	return 0
}

// wholeSeconds is durationWithin for what is written in whole seconds.
func (p *problems) wholeSeconds(env, value string, shortest, longest time.Duration) time.Duration {
	d := p.durationWithin(env, value, shortest, longest)
	if d%time.Second != 0 {
		p.add(env, "is %q: want whole seconds", value)
		return 0
	}
	return d
}

// longEnough is what no search through all secrets gets through.
const longEnough = 32

// long refuses a secret that could be guessed: nothing slows guessing down.
func (p *problems) long(env string, s Secret) {
	if n := len(s.Reveal()); n > 0 && n < longEnough {
		p.add(env, "has %d characters: want at least %d random ones, such as openssl rand -base64 32 prints", n, longEnough)
	}
}

// audience reads a StringOrURI (RFC 7519 2): what has a colon is a URI.
func (p *problems) audience(env, value string) string {
	plain := func(r rune) bool { return r > ' ' && r < 0x7f }
	u, err := url.Parse(value)
	switch {
	case len(value) > 255 || strings.ContainsFunc(value, func(r rune) bool { return !plain(r) }):
		p.add(env, "is %q: want a URL or a name without spaces, in ASCII, of at most 255 characters", value)
	case strings.Contains(value, ":") && (err != nil || u.Scheme == ""):
		p.add(env, "is %q: with a colon in it, it has to be a URL", value)
	default:
		return value
	}
	return ""
}

// durationText writes d as parseDuration reads it.
func durationText(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// parseDuration reads Go's durations, with days in front: 14d, 1d12h.
func parseDuration(s string) (time.Duration, bool) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}
	n, err := strconv.ParseUint(days, 10, 16) // fits: 65,535 days are no overflow
	if err != nil {
		return 0, false
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, true
	}
	more, err := time.ParseDuration(rest)
	return d + more, err == nil && more >= 0 && more < 24*time.Hour
}

// idleWithin refuses an idle time that can never matter, if somebody has set
// both. Against a default it is taken for what it says: the nearer deadline
// counts anyway.
func (p *problems) idleWithin(env, value string, idle time.Duration, limitEnv, limitValue string, limit time.Duration) {
	chosen := func(env, value string) bool { return value != "" && value != orDefault(env, "") }
	if chosen(env, value) && chosen(limitEnv, limitValue) && idle != 0 && limit != 0 && idle > limit {
		p.add(env, "is longer than %s (%v and %v): shorten it or lengthen the other", limitEnv, idle, limit)
	}
}
