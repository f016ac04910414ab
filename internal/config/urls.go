package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

func (p *problems) publicURL(env, value string) *url.URL {
	value = orDefault(env, value)
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || !portFits(u) {
		// Not the value: a mistyped URL may carry a password.
		p.add(env, "is not a web address: want https://host or http://localhost:port")
		return nil
	}
	if u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		p.add(env, "has more than scheme and host: want %s://%s; Gatehouse lives at the root of its host", u.Scheme, u.Host)
		return nil
	}
	// As browsers write an origin: lower case, no default port.
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		host = strings.TrimSuffix(strings.TrimSuffix(host, port), ":")
	}
	host, err = idna.New().ToASCII(host)
	if err != nil {
		p.add(env, "has a host that cannot be written in ASCII (xn--…)")
		return nil
	}
	return &url.URL{Scheme: u.Scheme, Host: host}
}

// origins reads origins separated by commas. Each has to be written as browsers
// write it, because it is compared to the letter, and to be one that nobody on
// the way can take the place of.
func (p *problems) origins(env, value string) []string {
	value = orDefault(env, value)
	if value == "none" {
		return nil
	}
	var all []string
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		u, err := url.Parse(part)
		switch {
		case strings.Contains(part, "*"):
			p.add(env, "contains %q: name each origin; a pattern would let in pages that nobody has looked at", part)
		case err != nil || u.Host == "" || u.User != nil || !isOrigin(u) || part != u.Scheme+"://"+u.Host:
			// Not the value: a mistyped URL may carry a password.
			p.add(env, "contains something that is no origin as browsers write it: want https://app.example.com or http://localhost:3000, lower case, without a path or a default port; separated by commas, or none")
		case u.Scheme == "http" && !isLocal(u.Hostname()):
			p.add(env, "contains %q: on plain http anybody on the way can be that page: use https", part)
		default:
			all = append(all, part)
		}
	}
	return all
}

// isOrigin reports whether scheme and host of u are as browsers write them.
func isOrigin(u *url.URL) bool {
	var p problems
	same := p.publicURL("", u.Scheme+"://"+u.Host)
	return len(p) == 0 && same.Scheme == u.Scheme && same.Host == u.Host
}

// portFits reports whether the port of u is absent or a number that TCP has.
func portFits(u *url.URL) bool { return u.Port() == "" || isPort(u.Port()) }

// cookieTravels refuses what would keep the cookie from coming back or, worse,
// let it travel in clear without the operator having said so.
func (p *problems) cookieTravels(public *url.URL, insecure bool) {
	switch {
	case public == nil: // reported already
	case public.Scheme == "https" && insecure:
		p.add("GATEHOUSE_INSECURE_COOKIE", "is true although GATEHOUSE_PUBLIC_URL is https: leave it out")
	case public.Scheme == "http" && !insecure && !isLocal(public.Hostname()):
		p.add("GATEHOUSE_PUBLIC_URL", "is plain http on a host other than localhost, where browsers refuse the session cookie: use https, or set GATEHOUSE_INSECURE_COOKIE=true if anybody on the way may take over sessions")
	}
}

func isLocal(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func (p *problems) databaseURL(env string, s Secret) {
	if s.IsEmpty() {
		return
	}
	u := p.storeURL(env, s, "postgres://user:password@host:5432/database", "postgres", "postgresql")
	// libpq's way to name a socket folder or several hosts.
	if u != nil && u.Host == "" && u.Query().Get("host") == "" {
		p.add(env, "names no host: want postgres://user:password@host:5432/database")
	}
}

func (p *problems) redisURL(env string, s Secret) {
	if s.IsEmpty() {
		return
	}
	if rest, ok := strings.CutPrefix(s.Reveal(), "redis+sentinel://"); ok {
		p.sentinelURL(env, rest)
		return
	}
	if rest, ok := strings.CutPrefix(s.Reveal(), "redis+cluster://"); ok {
		p.clusterURL(env, rest)
		return
	}
	u := p.storeURL(env, s, "redis://:password@host:6379/0", "redis", "rediss", "redis+sentinel", "redis+cluster")
	if u == nil {
		return
	}
	if u.Hostname() == "" || !portFits(u) {
		p.add(env, "names no host: want redis://:password@host:6379/0")
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if n, err := strconv.Atoi(db); err != nil || n < 0 {
			p.add(env, "ends in a path that is no database number: want redis://:password@host:6379/0")
		}
	}
}

// sentinelURL checks what stands behind the scheme. It is taken apart here
// because net/url knows no lists of hosts.
func (p *problems) sentinelURL(env, rest string) {
	const want = "want redis+sentinel://user:password@host:26379,host:26379/name/0"
	authority, path, _ := strings.Cut(rest, "/")
	if !isHostList(authority) {
		p.add(env, "has a part between :// and / that is no list of sentinels: "+want)
		return
	}
	name, database, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	_, err := strconv.ParseUint(database, 10, 31)
	if name == "" || strings.ContainsAny(name, "?#") || database != "" && err != nil {
		p.add(env, "does not end in the name of the master and a database number: "+want)
	}
}

// clusterURL checks what stands behind the scheme.
func (p *problems) clusterURL(env, rest string) {
	const want = "want redis+cluster://user:password@host:6379,host:6379"
	authority, path, _ := strings.Cut(rest, "/")
	switch {
	case !isHostList(authority):
		p.add(env, "has a part behind :// that is no list of servers: "+want)
	case strings.Trim(path, "/") != "":
		p.add(env, "ends in a path, but a cluster has no numbered databases: "+want)
	}
}

// isHostList reports whether authority is user:password@host:port,host:port, of which
// only the host is needed.
func isHostList(authority string) bool {
	at := strings.LastIndexByte(authority, '@') + 1
	for host := range strings.SplitSeq(authority[at:], ",") {
		u, err := url.Parse("redis://" + authority[:at] + host)
		if err != nil || u.Hostname() == "" || !portFits(u) || u.RawQuery != "" || u.Fragment != "" {
			return false
		}
	}
	return true
}

// storeURL parses s, which must have one of the schemes. No message repeats
// anything of s: pieces of a password end up in any part of a mistyped URL.
func (p *problems) storeURL(env string, s Secret, want string, schemes ...string) *url.URL {
	u, err := url.Parse(s.Reveal())
	if err != nil {
		p.add(env, "is not a URL: want %s; characters such as @ / : # %% in a password are written as %%40 %%2F %%3A %%23 %%25", want)
		return nil
	}
	if !slices.Contains(schemes, u.Scheme) {
		p.add(env, "starts with another scheme than %s: want %s", strings.Join(schemes, ":// or ")+"://", want)
		return nil
	}
	return u
}
