package session

import (
	"context"
	"slices"
	"strings"

	"gatehouse/internal/user"
)

// List returns the live sessions of u, last seen first.
func (m *Manager) List(ctx context.Context, u user.ID) ([]Session, error) {
	return m.store.ListUser(ctx, u, m.clock())
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
// page, last seen first. It reads every session once, or every one of the user
// that f names, and holds no more of them than the pages up to the asked one.
func (m *Manager) Search(ctx context.Context, f Filter, number, size int) (Page, error) {
	number, size = min(max(number, 1), maxPage), max(size, 1)
	var top newest
	users := map[user.ID]struct{}{}
	total := 0
	err := m.each(ctx, f, m.clock(), func(s Session) error {
		total++
		users[s.User] = struct{}{}
		top.add(s, number*size)
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
