package session

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/user"
)

func findKim(name string) (user.ID, error) {
	if name == "kim" {
		return "u1", nil
	}
	return "", user.ErrNotFound
}

func TestFilterMatches(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	s := Session{
		ID: IDOf("1"), User: "u1", Username: "kim", Role: user.RoleUser,
		Began: now.Add(-25 * time.Hour), LastSeen: now.Add(-30 * time.Minute),
		IP: netip.MustParseAddr("192.0.2.7"), Device: Device{"Chrome", "Windows"}, Carrier: Cookie, Client: "backup 1.2",
	}
	for _, test := range []struct {
		fields string // name=value, separated by spaces
		want   bool
	}{
		{"", true},
		{"q=KI", true}, {"q=lee", false}, {"q=192.0.2.0/24", true}, {"q=192.0.2.8/32", false}, {"q=chrome", true},
		{"user=kim", true},
		{"role=user", true}, {"role=admin", false},
		{"ip=192.0.2.7", true}, {"ip=192.0.2.8", false}, {"ip=192.0.0.0/16", true}, {"ip=::ffff:192.0.2.7", true},
		{"ip=::ffff:192.0.2.0/120", true}, {"ip=192.0.2.99/24", true}, {"ip=2001:db8::/32", false},
		{"device=windows", true}, {"device=Safari", false}, {"device=BACKUP", true}, {"q=backup", true},
		{"older=25h", true}, {"older=1d1h", true}, {"older=1d", true}, {"older=26h", false}, {"older=2d", false},
		{"idle=30m", true}, {"idle=31m", false},
		{"carrier=cookie", true}, {"carrier=bearer", false},
		{"user=kim role=user ip=192.0.2.7 device=chrome older=1h idle=1m carrier=cookie q=kim", true},
		{"user=kim role=admin", false}, {"role=user idle=31m", false}, {"older=1h device=safari", false},
	} {
		fields := map[string]string{}
		for pair := range strings.FieldsSeq(test.fields) {
			name, value, _ := strings.Cut(pair, "=")
			fields[name] = value
		}
		f, err := ParseFilter(fields, findKim)
		if err != nil {
			t.Errorf("%s: %v", test.fields, err)
		}
		if got := f.Matches(s, now); got != test.want {
			t.Errorf("%s: %v, want %v", test.fields, got, test.want)
		}
	}
	app := s
	app.Carrier = Bearer
	if (Filter{Carrier: Cookie}).Matches(app, now) || !(Filter{Carrier: Bearer}).Matches(app, now) {
		t.Error("carriers are not compared")
	}
	if (Filter{IDs: []ID{IDOf("2")}}).Matches(s, now) || !(Filter{IDs: []ID{s.ID}}).Matches(s, now) {
		t.Error("ids are not compared")
	}
}

func TestParseFilterNamesWhatIsWrong(t *testing.T) {
	for _, bad := range []struct{ field, value string }{
		{"user", "nobody"}, {"role", "owner"}, {"role", "Admin"},
		{"ip", "300.1.2.3"}, {"ip", "10.0.0.0/33"}, {"ip", "10.0.0/8"}, {"ip", "fe80::1%eth0/64"}, {"ip", "x"},
		{"older", "0"}, {"older", "0d"}, {"older", "-1h"}, {"older", "1"}, {"older", "soon"}, {"older", "d"}, {"older", "-1d"},
		{"older", "99999d"}, {"older", "9223372036854775807d"}, {"older", "1d-1h"}, {"idle", "1w"}, {"idle", "2562047h"}, {"idle", "1dd"},
		{"carrier", "pigeon"},
		{"ipaddress", "192.0.2.7"}, {"usr", ""}, {"", "x"},
	} {
		f, err := ParseFilter(map[string]string{bad.field: bad.value, "device": "Chrome"}, findKim)
		var got BadFilter
		if !errors.As(err, &got) || !maps.Equal(got, BadFilter{bad.field: bad.value}) {
			t.Errorf("%s=%s: %v, want an error that names it", bad.field, bad.value, err)
		} else if !f.Empty() || !strings.Contains(got.Error(), bad.field) {
			t.Errorf("%s=%s: %+v, %v", bad.field, bad.value, f, got)
		}
	}
	_, err := ParseFilter(map[string]string{"ip": "x", "older": "y", "role": "z"}, findKim)
	if bad := (BadFilter{}); !errors.As(err, &bad) || len(bad) != 3 {
		t.Errorf("three mistakes: %v", err)
	}
	away := func(string) (user.ID, error) { return "", ErrUnavailable }
	if _, err := ParseFilter(map[string]string{"user": "kim"}, away); !errors.Is(err, ErrUnavailable) {
		t.Errorf("accounts away: %v", err)
	}
	blank := map[string]string{}
	for _, field := range FilterFields() {
		blank[field] = "  "
	}
	if f, err := ParseFilter(blank, findKim); err != nil || !f.Empty() {
		t.Errorf("blank fields: %+v, %v", f, err)
	}
}

func TestParseIDs(t *testing.T) {
	a, b := string(IDOf("1")), string(IDOf("2"))
	if ids, err := ParseIDs([]string{a, b, a}); err != nil || !slices.Equal(ids, []ID{ID(a), ID(b)}) {
		t.Errorf("%v, %v", ids, err)
	}
	for _, bad := range []string{"", "x", a + "A", strings.Repeat("*", 43)} {
		if ids, err := ParseIDs([]string{a, bad}); !errors.Is(err, ErrID) || ids != nil {
			t.Errorf("%q: %v, %v", bad, ids, err)
		}
	}
}

func TestFilterThatMayNotEnd(t *testing.T) {
	one := []ID{IDOf("1")}
	for _, test := range []struct {
		f    Filter
		want error
	}{
		{Filter{}, ErrNoFilter}, {Filter{Text: " ", Device: "\t"}, ErrNoFilter}, {Filter{IDs: []ID{}}, ErrNoFilter},
		{Filter{Everyone: true, User: "u1"}, ErrFilterMix}, {Filter{Everyone: true, IDs: one}, ErrFilterMix},
		{Filter{IDs: one, Role: user.RoleUser}, ErrFilterMix}, {Filter{IDs: one, Text: "kim"}, ErrFilterMix},
	} {
		m := NewManager(nil, nil, Limits{}, time.Now) // asking a store would panic
		if _, err := m.EndWhere(t.Context(), test.f, Why{Reason: Forced}); !errors.Is(err, test.want) {
			t.Errorf("end where %+v: %v, want %v", test.f, err, test.want)
		}
		if _, err := m.Preview(t.Context(), test.f); !errors.Is(err, test.want) {
			t.Errorf("preview of %+v: %v, want %v", test.f, err, test.want)
		}
	}
}

func TestFilterString(t *testing.T) {
	f, err := ParseFilter(map[string]string{"q": "a b", "user": "kim", "role": "user", "ip": "192.0.2.7", "device": "x", "older": "1d", "idle": "5m", "carrier": "cookie"}, findKim)
	if got, want := f.String(), `q="a b" user=u1 role=user ip=192.0.2.7/32 device="x" older=24h0m0s idle=5m0s carrier=cookie`; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if got := (Filter{Everyone: true}).String(); got != "everyone=yes" {
		t.Error(got)
	}
	if got := (Filter{IDs: make([]ID, 3)}).String(); got != "ids=3" {
		t.Error(got)
	}
}
