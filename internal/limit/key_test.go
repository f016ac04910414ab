package limit

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAddressKey(t *testing.T) {
	tests := []struct{ in, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"},
		{"2001:db8:1:3::1", "2001:db8:1:3::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"::1", "::/64"},
	}
	for _, tt := range tests {
		if got := AddressKey(netip.MustParseAddr(tt.in)); got != tt.want {
			t.Errorf("AddressKey(%s) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := AddressKey(netip.Addr{}); got != "invalid IP" {
		t.Errorf("no address: %q", got)
	}
}

func TestAccountKey(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	key := AccountKey("kim", a)
	if len(key) != 22 || strings.Contains(key, "kim") {
		t.Errorf("key %q", key)
	}
	if AccountKey(" KIM ", netip.MustParseAddr("::ffff:192.0.2.1")) != key {
		t.Error("another spelling of login and address has another bucket")
	}
	for what, other := range map[string]string{
		"another address": AccountKey("kim", b),
		"another account": AccountKey("lee", a),
		"a known device":  DeviceKey("kim", "d1"),
	} {
		if other == key {
			t.Errorf("%s has the same bucket", what)
		}
	}
	if DeviceKey("Kim", "d1") != DeviceKey("kim", "d1") || DeviceKey("kim", "d1") == DeviceKey("kim", "d2") {
		t.Error("device keys")
	}
	if AccountKey(strings.Repeat("x", 1<<20), a) != AccountKey("no such\x00name", a) {
		t.Error("impossible names have buckets of their own")
	}
}
