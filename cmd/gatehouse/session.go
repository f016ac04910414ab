package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

type sessionCmds struct {
	List sessionListCmd `cmd:"" help:"List who is signed in."`
	End  sessionEndCmd  `cmd:"" help:"End sessions, at once and for good."`
}

type sessionListCmd struct {
	config.Stores
	filterFlags
	JSON bool `help:"One JSON object per line."`
}

// Run lists sessions, last seen first.
func (c sessionListCmd) Run(ctx context.Context, p program) error {
	if err := c.check(); err != nil {
		return err
	}
	return withStores(ctx, p, c.Stores, func(s *stores) error {
		filter, err := c.filter(ctx, s)
		if err != nil {
			return err
		}
		list, err := s.manager().All(ctx, filter)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(p, list)
		}
		return printTable(p, list)
	})
}

func printTable(p program, list []session.Session) error {
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSERNAME\tIP\tDEVICE\tBEGAN\tLAST SEEN\tENDS")
	for _, one := range list {
		ip := "-"
		if one.IP.IsValid() {
			ip = one.IP.String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Username, ip, one.Name(),
			one.Began.Format(time.DateTime), one.LastSeen.Format(time.DateTime), one.Ends().Format(time.DateTime))
	}
	return table.Flush()
}

// sessionJSON is a session as --json prints it.
type sessionJSON struct {
	ID       session.ID      `json:"id"`
	Username string          `json:"username"`
	Role     user.Role       `json:"role"`
	IP       string          `json:"ip,omitempty"`
	Carrier  session.Carrier `json:"carrier"`
	Client   string          `json:"client,omitempty"` // the name that an API client gave itself
	Device   string          `json:"device,omitempty"`
	Remember bool            `json:"remember"`
	Began    time.Time       `json:"began"`
	LastSeen time.Time       `json:"last_seen"`
	Ends     time.Time       `json:"ends"`
}

func printJSON(p program, list []session.Session) error {
	out := json.NewEncoder(p.stdout)
	for _, one := range list {
		line := sessionJSON{
			ID: one.ID, Username: one.Username, Role: one.Role, Carrier: one.Carrier, Client: one.Client, Device: one.Device.String(), Remember: one.Remember,
			Began: one.Began.UTC(), LastSeen: one.LastSeen.UTC(), Ends: one.Ends().UTC(),
		}
		if one.IP.IsValid() {
			line.IP = one.IP.String()
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

type sessionEndCmd struct {
	config.Stores
	filterFlags
	whyFlag
	ID     *idFlag `help:"The session of this id." placeholder:"ID"`
	All    bool    `help:"Everyone's."`
	DryRun bool    `name:"dry-run" help:"Only say what would be ended."`
}

// idFlag is the value of --id. One id in 64 begins with a hyphen, and kong would
// take it for another flag.
type idFlag string

// Decode implements kong.MapperValue.
func (f *idFlag) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop()
	text := token.String()
	if _, err := session.ParseID(text); err != nil && (token.IsEOL() || text == "" || text[0] == '-') {
		return errors.New("wants a session id: session list shows them")
	}
	*f = idFlag(text)
	return nil
}

// Run ends the selected sessions and prints a receipt.
func (c sessionEndCmd) Run(ctx context.Context, p program) error {
	if err := c.check(); err != nil {
		return err
	}
	return withStores(ctx, p, c.Stores, func(s *stores) error {
		filter, err := c.filter(ctx, s)
		if err != nil {
			return err
		}
		m := s.manager()
		if c.DryRun {
			found, err := m.Preview(ctx, filter)
			if err != nil {
				return err
			}
			return p.wouldEnd(found.Sessions, found.Users)
		}
		receipt, err := m.EndWhere(ctx, filter, session.Why{Reason: session.Forced})
		if err == nil {
			receipt = m.Confirm(ctx, receipt)
		}
		return c.done(ctx, p, s, filter, receipt, err)
	})
}

// check wants an id, everyone or a filter, and one that can be understood.
func (c sessionEndCmd) check() error {
	given := 0
	for _, is := range []bool{c.ID != nil, c.All, len(c.fields()) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return usagef("say which sessions: --id, --all, or any of --user, --role, --ip, --device, --older-than, --idle-for and --carrier")
	}
	if c.ID != nil {
		if _, err := session.ParseID(string(*c.ID)); err != nil {
			return usagef("%q is not a session id: session list shows them", *c.ID)
		}
	}
	return c.filterFlags.check()
}

func (c sessionEndCmd) filter(ctx context.Context, s *stores) (session.Filter, error) {
	switch {
	case c.All:
		return session.Filter{Everyone: true}, nil
	case c.ID != nil:
		return session.Filter{IDs: []session.ID{session.ID(*c.ID)}}, nil
	}
	return c.filterFlags.filter(ctx, s)
}

func (p program) wouldEnd(sessions, users int) error {
	_, err := fmt.Fprintf(p.stdout, "would end %d %s of %d %s\n", sessions, plural(sessions, "session"), users, plural(users, "user"))
	return err
}

// done prints the receipt, also of an end that was only half done.
func (c sessionEndCmd) done(ctx context.Context, p program, s *stores, f session.Filter, r session.Receipt, err error) error {
	if err != nil {
		err = fmt.Errorf("%d ended, then: %w; repeat this", r.Ended, err)
	} else {
		fmt.Fprintln(p.stdout, receiptText(r))
	}
	e := audit.Event{Kind: audit.KindOfEnd(f.Everyone, len(f.IDs) == 1), Note: string(c.Reason),
		Detail: audit.Detail{Ended: r.Ended, Partial: err != nil}}
	for _, one := range audit.Ended(e, f.String(), r.Hit) {
		err = errors.Join(err, s.note(ctx, one))
	}
	return err
}

// receiptText says what an end did, and which nodes have confirmed it, if there
// are nodes that can be asked: not in the embedded set-up, where the server is
// another process, which finds out by itself.
func receiptText(r session.Receipt) string {
	text := fmt.Sprintf("%d %s ended, %d already gone", r.Ended, plural(r.Ended, "session"), r.Gone)
	if n := r.Nodes; n.Live > 0 {
		text += fmt.Sprintf(", confirmed by %d of %d %s", n.Confirmed, n.Live, plural(n.Live, "node"))
	}
	return fmt.Sprintf("%s, %d ms", text, r.Took.Milliseconds())
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
