package storetest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/user"
)

func runAuditSearch(t *testing.T, open func(t *testing.T) (audit.Log, user.Store)) {
	for name, run := range map[string]func(*testing.T, audit.Log, user.Store){
		"SearchNamesWhomAndWho":      searchNames,
		"SearchFilters":              searchFilters,
		"SearchIsLiteral":            searchIsLiteral,
		"SearchPagesWhileEventsCome": searchPages,
	} {
		t.Run(name, func(t *testing.T) {
			log, users := open(t)
			run(t, log, users)
		})
	}
}

func searchNames(t *testing.T, log audit.Log, users user.Store) {
	ctx := context.Background()
	kim, root := added(t, users, account("kim")), added(t, users, account("root1"))
	gone := user.NewID()
	for _, e := range []audit.Event{
		{At: at, Kind: audit.Disable, User: kim.ID, Actor: root.ID, Note: "왜"},
		{At: at, Kind: audit.EveryoneEnded, Actor: root.ID, Detail: audit.Detail{Ended: 9}},
		{At: at, Kind: audit.Login, User: gone, Actor: gone},
		{At: at, Kind: audit.LoginFailed},
	} {
		must(t, log.Append(ctx, e))
	}
	got, next, err := log.Search(ctx, audit.Query{})
	must(t, err)
	var lines []string
	for _, e := range got {
		lines = append(lines, fmt.Sprint(e.Kind, " ", e.Username, "<", e.ActorName, " ", e.User != "", " ", e.Detail.Ended))
	}
	want := []string{"login_failed < false 0", "login < true 0", "everyone_ended <root1 false 9", "disabled kim<root1 true 0"}
	if next != 0 || !slices.Equal(lines, want) {
		t.Errorf("next %d, got\n%s\nwant\n%s", next, strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if last := got[len(got)-1]; last.Note != "왜" || !last.At.Equal(at) || last.User != kim.ID || last.Actor != root.ID {
		t.Errorf("%+v", last)
	}
}

func searchFilters(t *testing.T, log audit.Log, users user.Store) {
	ctx := context.Background()
	kim, lee := added(t, users, account("kim")), added(t, users, account("lee.kim"))
	for i, e := range []audit.Event{
		{Kind: audit.Login, User: kim.ID, Actor: kim.ID, IP: netip.MustParseAddr("192.0.2.7")},
		{Kind: audit.Logout, User: kim.ID, Actor: kim.ID, IP: netip.MustParseAddr("192.0.2.77")},
		{Kind: audit.Disable, User: lee.ID, Actor: kim.ID, IP: netip.MustParseAddr("192.0.3.1")},
		{Kind: audit.Enable, User: lee.ID},
		{Kind: audit.LoginFailed, IP: netip.MustParseAddr("2001:db8:1::7")},
		{Kind: audit.Login, User: lee.ID, Actor: lee.ID, IP: netip.MustParseAddr("2001:db8:2::7")},
	} {
		e.At, e.Note = at.Add(time.Duration(i)*time.Hour), fmt.Sprint(i)
		must(t, log.Append(ctx, e))
	}
	network := func(s string) audit.Query { return audit.Query{Network: netip.MustParsePrefix(s)} }
	for name, tt := range map[string]struct {
		q    audit.Query
		want string
	}{
		"all":                  {audit.Query{}, "543210"},
		"part of a name":       {audit.Query{Text: "kim"}, "53210"},
		"any case":             {audit.Query{Text: "LEE"}, "532"},
		"whom or who":          {audit.Query{Text: "lee.kim"}, "532"},
		"an account":           {audit.Query{Account: lee.ID}, "532"},
		"beginning of IPv4":    {audit.Query{Text: "192.0.2."}, "10"},
		"beginning of IPv6":    {audit.Query{Text: "2001:DB8:1"}, "4"},
		"not in the middle":    {audit.Query{Text: "0.2.7"}, ""},
		"one address":          {network("192.0.2.7/32"), "0"},
		"a network":            {network("192.0.2.0/24"), "10"},
		"half a network":       {network("192.0.2.64/26"), "1"},
		"across":               {network("192.0.2.0/23"), "210"},
		"all of IPv4":          {network("0.0.0.0/0"), "210"},
		"one IPv6 address":     {network("2001:db8:1::7/128"), "4"},
		"an IPv6 network":      {network("2001:db8::/46"), "54"},
		"a kind":               {audit.Query{Kinds: []audit.Kind{audit.Login}}, "50"},
		"kinds":                {audit.Query{Kinds: []audit.Kind{audit.Login, audit.Enable}}, "530"},
		"from":                 {audit.Query{From: at.Add(4 * time.Hour)}, "54"},
		"to, exclusive":        {audit.Query{To: at.Add(time.Hour)}, "0"},
		"everything at once":   {audit.Query{Text: "kim", Kinds: []audit.Kind{audit.Login, audit.Disable}, From: at.Add(time.Hour), To: at.Add(3 * time.Hour)}, "2"},
		"nothing":              {audit.Query{Text: "nobody"}, ""},
		"what cannot be":       {audit.Query{Text: "a\x00\xff"}, ""},
		"text and network":     {audit.Query{Text: "kim", Network: netip.MustParsePrefix("192.0.3.0/24")}, "2"},
		"kind and then a text": {audit.Query{Kinds: []audit.Kind{audit.Logout}, Text: "kim", To: at.Add(9 * time.Hour)}, "1"},
	} {
		got, next, err := log.Search(ctx, tt.q)
		must(t, err)
		notes := ""
		for _, e := range got {
			notes += e.Note
		}
		if notes != tt.want || next != 0 {
			t.Errorf("%s: %q (next %d), want %q", name, notes, next, tt.want)
		}
	}
}

func searchIsLiteral(t *testing.T, log audit.Log, users user.Store) {
	ctx := context.Background()
	for _, name := range []string{"a_b", "axb", "kim"} {
		u := added(t, users, account(name))
		must(t, log.Append(ctx, audit.Event{At: at, Kind: audit.Login, User: u.ID, Actor: u.ID, IP: netip.MustParseAddr("192.0.2.7")}))
	}
	for text, want := range map[string]int{"a_b": 1, "_": 1, "%": 0, `\`: 0, "a%b": 0, "192_0": 0, "19%": 0, "' OR 1 = 1 --": 0, "192.0": 3} {
		got, _, err := log.Search(ctx, audit.Query{Text: text})
		must(t, err)
		if len(got) != want {
			t.Errorf("%q finds %d, want %d", text, len(got), want)
		}
	}
}

// Whoever turns pages sees every event that was there once, whatever is
// appended or pruned meanwhile.
func searchPages(t *testing.T, log audit.Log, _ user.Store) {
	ctx := context.Background()
	const n = 25
	add := func(i int) {
		// One moment for all: the order is that of the log.
		must(t, log.Append(ctx, audit.Event{At: at, Kind: audit.Login, Note: fmt.Sprint(i)}))
	}
	for i := range n {
		add(i)
	}
	var seen []string
	q := audit.Query{Limit: 10}
	for pages := 1; ; pages++ {
		got, next, err := log.Search(ctx, q)
		must(t, err)
		for _, e := range got {
			seen = append(seen, e.Note)
		}
		if next == 0 {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		q.Before = next
		add(1000 + pages)
	}
	if len(seen) != n {
		t.Fatalf("saw %d events, want %d: %v", len(seen), n, seen)
	}
	for i, note := range seen {
		if note != fmt.Sprint(n-1-i) {
			t.Errorf("place %d holds %s", i, note)
		}
	}
	// A portion that ends with the log has nothing after it.
	got, next, err := log.Search(ctx, audit.Query{Limit: n + 2})
	must(t, err)
	if len(got) != n+2 || next != 0 {
		t.Errorf("%d events, next %d", len(got), next)
	}
}
