package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

type auditCmds struct {
	List auditListCmd `cmd:"" help:"List what happened, newest first."`
}

type auditListCmd struct {
	config.Stores
	User  string        `help:"Only what this user did or had done to the account." placeholder:"NAME"`
	IP    string        `name:"ip" help:"Only from this address or network." placeholder:"CIDR"`
	Kind  []string      `help:"Only these kinds, separated by commas: login, login_failed, disabled, ... (--json shows them)." placeholder:"KIND"`
	Since time.Duration `help:"Only this far back, such as 24h." placeholder:"TIME"`
	Limit int           `help:"At most this many." default:"1000" placeholder:"N"`
	JSON  bool          `help:"One JSON object per line."`
}

// Run lists events.
func (c auditListCmd) Run(ctx context.Context, p program) error {
	q, err := c.query(time.Now())
	if err != nil {
		return err
	}
	return withStores(ctx, p, c.Stores, func(s *stores) error {
		if c.User != "" {
			u, err := findUser(ctx, s.db.Users(), c.User)
			if err != nil {
				return err
			}
			q.Account = u.ID
		}
		return c.print(ctx, p, s, q)
	})
}

// print prints what matches q, up to the limit.
func (c auditListCmd) print(ctx context.Context, p program, s *stores, q audit.Query) error {
	put, flush := auditPrinter(p.stdout, c.JSON)
	for left := c.Limit; left > 0; {
		q.Limit = min(left, 1000)
		entries, next, err := s.db.Audit().Search(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := put(e); err != nil {
				return err
			}
		}
		if left -= len(entries); next == 0 {
			break
		}
		q.Before = next
	}
	return flush()
}

// query checks what was asked for.
func (c auditListCmd) query(now time.Time) (q audit.Query, err error) {
	if c.IP != "" {
		network, ok := session.ParseNetwork(c.IP)
		if !ok {
			return q, usagef("%q is not an address or network, such as 192.0.2.7 or 192.0.2.0/24", c.IP)
		}
		q.Network = network
	}
	for _, name := range c.Kind {
		k, err := audit.ParseKind(name)
		if err != nil {
			return q, usagef("%q is no kind: say some of %v", name, audit.Kinds())
		}
		q.Kinds = append(q.Kinds, k)
	}
	if c.Since < 0 || c.Limit < 1 {
		return q, usagef("--since and --limit want more than nothing")
	}
	if c.Since > 0 {
		q.From = now.Add(-c.Since)
	}
	return q, nil
}

// auditJSON is an event as --json prints it.
type auditJSON struct {
	Seq    int64         `json:"seq"`
	At     time.Time     `json:"at"`
	Kind   audit.Kind    `json:"kind"`
	User   string        `json:"user,omitempty"` // username, or the id of an account that is gone
	Actor  string        `json:"actor,omitempty"`
	IP     string        `json:"ip,omitempty"`
	Device string        `json:"device,omitempty"`
	Detail *audit.Detail `json:"detail,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

// auditPrinter returns what prints an event, and what finishes.
func auditPrinter(w io.Writer, asJSON bool) (put func(audit.Entry) error, flush func() error) {
	if asJSON {
		out := json.NewEncoder(w)
		return func(e audit.Entry) error { return out.Encode(auditLine(e)) }, func() error { return nil }
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TIME\tKIND\tUSER\tBY\tIP\tDEVICE\tENDED\tREASON")
	return func(e audit.Entry) error {
		l := auditLine(e)
		ended := ""
		if e.Detail.Ended > 0 {
			ended = strconv.Itoa(e.Detail.Ended)
		}
		// The reason was typed by somebody: quoted, it cannot move the cursor.
		reason := ""
		if l.Reason != "" {
			reason = strconv.Quote(l.Reason)
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.At.Format(time.RFC3339), l.Kind,
			orDash(l.User), orDash(l.Actor), orDash(l.IP), orDash(l.Device), orDash(ended), reason)
		return err
	}, table.Flush
}

func auditLine(e audit.Entry) auditJSON {
	l := auditJSON{
		Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, Device: e.Device, Reason: e.Note,
		User: nameOr(e.Username, e.User), Actor: nameOr(e.ActorName, e.Actor),
	}
	if e.By() == audit.ByOperator {
		l.Actor = "operator"
	}
	if e.IP.IsValid() {
		l.IP = e.IP.String()
	}
	if e.Detail != (audit.Detail{}) {
		l.Detail = &e.Detail
	}
	return l
}

func nameOr(username string, id user.ID) string {
	if username != "" {
		return username
	}
	return string(id)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
