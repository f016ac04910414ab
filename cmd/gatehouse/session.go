package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
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
	User string `help:"Only this user's." placeholder:"NAME"`
	JSON bool   `help:"One JSON object per line."`
}

// Run lists sessions, last seen first.
func (c sessionListCmd) Run(ctx context.Context, p program) (err error) {
	s, err := openForCommand(ctx, p, c.Stores)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	list, err := s.listed(ctx, c.User)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p, list)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSERNAME\tIP\tDEVICE\tBEGAN\tLAST SEEN\tENDS")
	for _, one := range list {
		ip := "-"
		if one.IP.IsValid() {
			ip = one.IP.String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Username, ip, one.Device,
			one.Began.Format(time.DateTime), one.LastSeen.Format(time.DateTime), one.Ends().Format(time.DateTime))
	}
	return table.Flush()
}

// listed returns everybody's sessions, or one user's if name is given.
func (s *stores) listed(ctx context.Context, name string) ([]session.Session, error) {
	if name == "" {
		page, err := s.manager().Search(ctx, session.Filter{}, 1, 1<<31)
		return page.Sessions, err
	}
	u, err := findUser(ctx, s.db.Users(), name)
	if err != nil {
		return nil, err
	}
	return s.manager().List(ctx, u.ID)
}

// sessionJSON is a session as --json prints it.
type sessionJSON struct {
	ID       session.ID `json:"id"`
	Username string     `json:"username"`
	Role     user.Role  `json:"role"`
	IP       string     `json:"ip,omitempty"`
	Device   string     `json:"device,omitempty"`
	Remember bool       `json:"remember"`
	Began    time.Time  `json:"began"`
	LastSeen time.Time  `json:"last_seen"`
	Ends     time.Time  `json:"ends"`
}

func printJSON(p program, list []session.Session) error {
	out := json.NewEncoder(p.stdout)
	for _, one := range list {
		line := sessionJSON{
			ID: one.ID, Username: one.Username, Role: one.Role, Device: one.Device.String(), Remember: one.Remember,
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
	ID     idFlag `help:"The session of this id." placeholder:"ID"`
	User   string `help:"All of this user's." placeholder:"NAME"`
	IP     string `name:"ip" help:"All that logged in from this address or network." placeholder:"CIDR"`
	All    bool   `help:"Everyone's."`
	Reason string `help:"Why, for the audit log." placeholder:"TEXT"`
	DryRun bool   `name:"dry-run" help:"Only say what would be ended."`
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
func (c sessionEndCmd) Run(ctx context.Context, p program) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	s, err := openForCommand(ctx, p, c.Stores)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch {
	case c.ID != "":
		return c.endOne(ctx, p, s)
	case c.User != "":
		return c.endUser(ctx, p, s)
	case c.IP != "":
		return c.endNetwork(ctx, p, s)
	default:
		return c.endAll(ctx, p, s)
	}
}

// check wants exactly one selector, and one that can be understood.
func (c sessionEndCmd) check() error {
	given := 0
	for _, is := range []bool{c.ID != "", c.User != "", c.IP != "", c.All} {
		if is {
			given++
		}
	}
	if given != 1 {
		return usagef("say which sessions: one of --id, --user, --ip and --all")
	}
	if c.ID != "" {
		if _, err := session.ParseID(string(c.ID)); err != nil {
			return usagef("%q is not a session id: session list shows them", c.ID)
		}
	}
	if c.IP != "" {
		if _, err := parseNetwork(c.IP); err != nil {
			return usagef("%q is not an address or network, such as 192.0.2.7 or 192.0.2.0/24", c.IP)
		}
	}
	return nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap().WithZone("")
		return addr.Prefix(addr.BitLen())
	}
	prefix, err := netip.ParsePrefix(s)
	return prefix.Masked(), err
}

func (c sessionEndCmd) why() session.Why { return session.Why{Reason: session.Forced} }

func (c sessionEndCmd) endOne(ctx context.Context, p program, s *stores) error {
	id := session.ID(c.ID)
	one, err := s.sessions.Find(ctx, id)
	var ended *session.EndedError
	alive := !errors.As(err, &ended)
	if alive && err != nil && !errors.Is(err, session.ErrUnreadable) {
		return err
	}
	if c.DryRun {
		if !alive || err == nil && one.ExpiredAt(time.Now()) {
			return p.wouldEnd(0, 0)
		}
		return p.wouldEnd(1, 1)
	}
	receipt, err := s.manager().End(ctx, []session.ID{id}, c.why())
	return c.done(ctx, p, s, receipt, err, audit.SessionEnded, one.User)
}

func (c sessionEndCmd) endUser(ctx context.Context, p program, s *stores) error {
	u, err := findUser(ctx, s.db.Users(), c.User)
	if err != nil {
		return err
	}
	if c.DryRun {
		list, err := s.manager().List(ctx, u.ID)
		if err != nil {
			return err
		}
		return p.wouldEnd(len(list), min(len(list), 1))
	}
	receipt, err := s.manager().EndUser(ctx, u.ID, "", c.why())
	return c.done(ctx, p, s, receipt, err, audit.SessionsEnded, u.ID)
}

func (c sessionEndCmd) endNetwork(ctx context.Context, p program, s *stores) error {
	network, err := parseNetwork(c.IP)
	if err != nil {
		return usageError{err}
	}
	ids, users, err := s.manager().Select(ctx, session.Filter{IP: network})
	if err != nil {
		return err
	}
	if c.DryRun {
		return p.wouldEnd(len(ids), users)
	}
	receipt, err := s.manager().End(ctx, ids, c.why())
	return c.done(ctx, p, s, receipt, err, audit.SessionsEnded, "")
}

func (c sessionEndCmd) endAll(ctx context.Context, p program, s *stores) error {
	if c.DryRun {
		ids, users, err := s.manager().Select(ctx, session.Filter{})
		if err != nil {
			return err
		}
		return p.wouldEnd(len(ids), users)
	}
	receipt, err := s.manager().EndAll(ctx, c.why())
	return c.done(ctx, p, s, receipt, err, audit.SessionsEnded, "")
}

func (p program) wouldEnd(sessions, users int) error {
	_, err := fmt.Fprintf(p.stdout, "would end %d %s of %d %s\n", sessions, plural(sessions, "session"), users, plural(users, "user"))
	return err
}

// done prints the receipt, also of an end that was only half done.
func (c sessionEndCmd) done(ctx context.Context, p program, s *stores, r session.Receipt, err error, kind audit.Kind, u user.ID) error {
	if err != nil {
		return fmt.Errorf("%d ended, then: %w; repeat this", r.Ended, err)
	}
	fmt.Fprintln(p.stdout, receiptText(r))
	return s.note(ctx, kind, u, c.Reason)
}

// receiptText says what an end did.
func receiptText(r session.Receipt) string {
	return fmt.Sprintf("%d %s ended, %d already gone, %d ms", r.Ended, plural(r.Ended, "session"), r.Gone, r.Took.Milliseconds())
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
