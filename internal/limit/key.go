package limit

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"

	"gatehouse/internal/user"
)

// AddressKey names a client by its network address: an IPv4 address, also when
// it arrives inside IPv6, or the /64 of an IPv6 address, because whoever has
// one address of a /64 has all of them. An unknown address is one client
// together with all unknown ones.
func AddressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 is in range
		return p.String()
	}
	return a.String()
}

// AccountKey names the tries at one account from one client: login as typed
// (username or e-mail address), whether there is such an account or not, so
// that a refusal tells nobody. An account's username and its e-mail address are
// two buckets: to know that they are one would take a look into the database
// before the limit has been asked.
func AccountKey(login string, a netip.Addr) string {
	return hash(loginKey(login), AddressKey(a))
}

// DeviceKey names the tries at one account from a browser known to it; device
// is the browser's own id.
func DeviceKey(login, device string) string {
	return hash(loginKey(login), device)
}

func loginKey(login string) string {
	key, ok := user.LoginKey(login)
	if !ok {
		return "" // nobody can be called this: one bucket will do
	}
	return key
}

// hash keeps keys short and e-mail addresses out of the limiter's store.
func hash(a, b string) string {
	sum := sha256.Sum256([]byte(a + "\x00" + b))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
