package session

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"gatehouse/internal/user"
)

// List returns the live sessions of u, last seen first.
func (m *Manager) List(ctx context.Context, u user.ID) ([]Session, error) {
	return m.store.ListUser(ctx, u, m.clock())
}

// Filter selects sessions; empty fields select everything.
type Filter struct {
	Text string       // part of the username, of the IP or of the device, any case; or a CIDR
	IP   netip.Prefix // logged in from inside this network
}

// Matches reports whether f selects s.
func (f Filter) Matches(s Session) bool {
	if f.IP.IsValid() && !f.IP.Contains(s.IP) {
		return false
	}
	text := strings.ToLower(strings.TrimSpace(f.Text))
	if text == "" {
		return true
	}
	if cidr, err := netip.ParsePrefix(text); err == nil {
		return cidr.Contains(s.IP)
	}
	return strings.Contains(s.Username, text) ||
		s.IP.IsValid() && strings.Contains(s.IP.String(), text) ||
		strings.Contains(strings.ToLower(s.Device.String()), text)
}

// Page is one page of the sessions that a filter selects.
type Page struct {
	Sessions []Session // last seen first
	Total    int       // sessions selected, on all pages
	Users    int       // users they belong to
	Number   int       // of this page, from 1; never past the last one
	Pages    int       // at least 1
}

// maxPage bounds the page number that a search believes.
const maxPage = 1_000_000

// Search returns page number (from 1) of the sessions that f selects, size to a
// page, last seen first. It reads every session once and holds no more of them
// than the pages up to the asked one.
func (m *Manager) Search(ctx context.Context, f Filter, number, size int) (Page, error) {
	number, size = min(max(number, 1), maxPage), max(size, 1)
	var top newest
	users := map[user.ID]struct{}{}
	total := 0
	err := m.store.Scan(ctx, m.clock(), func(s Session) error {
		if f.Matches(s) {
			total++
			users[s.User] = struct{}{}
			top.add(s, number*size)
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	pages := max(1, (total+size-1)/size)
	number = min(number, pages)
	rows := top.first(number * size)
	rows = rows[min(len(rows), (number-1)*size):]
	return Page{Sessions: rows, Total: total, Users: len(users), Number: number, Pages: pages}, nil
}

// Select returns the ids of all sessions that f selects and the number of users
// they belong to: the preview of an end, and what it then ends.
func (m *Manager) Select(ctx context.Context, f Filter) (ids []ID, users int, err error) {
	seen := map[user.ID]struct{}{}
	err = m.store.Scan(ctx, m.clock(), func(s Session) error {
		if f.Matches(s) {
			ids = append(ids, s.ID)
			seen[s.User] = struct{}{}
		}
		return nil
	})
	return ids, len(seen), err
}

// newest keeps the sessions last seen, without keeping all it is shown.
type newest []Session

func (n *newest) add(s Session, keep int) {
	*n = append(*n, s)
	if len(*n) >= 2*keep+64 { // sort now and then, not for each
		*n = n.first(keep)
	}
}

func (n newest) first(k int) []Session {
	slices.SortFunc(n, LastSeenFirst)
	return n[:min(k, len(n))]
}

// LastSeenFirst orders sessions as every list shows them; ties by id, so that
// pages do not overlap.
func LastSeenFirst(a, b Session) int {
	if c := b.LastSeen.Compare(a.LastSeen); c != 0 {
		return c
	}
	return strings.Compare(string(a.ID), string(b.ID))
}
