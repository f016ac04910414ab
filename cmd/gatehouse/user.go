package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"gatehouse/internal/audit"
	"gatehouse/internal/config"
	"gatehouse/internal/session"
	"gatehouse/internal/store/sqldb"
	"gatehouse/internal/user"
)

type userCmds struct {
	Create   userCreateCmd   `cmd:"" help:"Make an account."`
	List     userListCmd     `cmd:"" help:"List accounts."`
	Disable  userDisableCmd  `cmd:"" help:"Shut an account and end its sessions."`
	Enable   userEnableCmd   `cmd:"" help:"Open a shut account."`
	Role     userRoleCmd     `cmd:"" help:"Make an account an administrator's or a user's; ends its sessions."`
	Password userPasswordCmd `cmd:"" help:"Set an account's password; ends its sessions."`
}

// withUsers is withStores for a command about accounts.
func withUsers(ctx context.Context, p program, c config.Stores, f func(*stores, *sqldb.Users) error) error {
	return withStores(ctx, p, c, func(s *stores) error { return f(s, s.db.Users()) })
}

// withUser is withUsers for a command about the account called name.
func withUser(ctx context.Context, p program, c config.Stores, name string, f func(*stores, *sqldb.Users, user.User) error) error {
	return withUsers(ctx, p, c, func(s *stores, users *sqldb.Users) error {
		u, err := findUser(ctx, users, name)
		if err != nil {
			return err
		}
		return f(s, users, u)
	})
}

// findUser returns the account with that username or e-mail address.
func findUser(ctx context.Context, users user.Store, name string) (user.User, error) {
	key, ok := user.LoginKey(name)
	if !ok {
		return user.User{}, usagef("%q cannot be a username or an e-mail address", name)
	}
	u, err := users.ByLogin(ctx, key)
	if errors.Is(err, user.ErrNotFound) {
		return user.User{}, fmt.Errorf("there is no user %q", name)
	}
	return u, err
}

// newPassword is what a command needs that takes a new password.
type newPassword struct {
	config.Passwords
	PasswordStdin bool `name:"password-stdin" help:"Read the password from standard input (one line)."`
}

// read returns the password from standard input and the policy that it has to
// satisfy.
func (n newPassword) read(p program) (password string, policy user.Policy, err error) {
	if policy.MinLength, err = n.MinLength(); err != nil {
		return "", policy, usageError{err}
	}
	password, err = p.password(n.PasswordStdin)
	return password, policy, err
}

// service returns the account rules over the database. A command computes one
// hash at most.
func (s *stores) service(policy user.Policy) (*user.Service, error) {
	hasher, err := user.NewHasher(user.HasherConfig{Concurrent: 1})
	if err != nil {
		return nil, err
	}
	return user.NewService(s.db.Users(), hasher, policy, time.Now), nil
}

// note writes what the operator did to the audit log.
func (s *stores) note(ctx context.Context, e audit.Event) error {
	e.At = time.Now()
	if err := s.db.Audit().Append(ctx, e); err != nil {
		return fmt.Errorf("done, but not in the audit log: %w", err)
	}
	return nil
}

type userCreateCmd struct {
	config.Stores
	newPassword
	Name  string `arg:"" help:"Username."`
	Admin bool   `help:"Make an administrator."`
	Email string `help:"E-mail address." placeholder:"ADDRESS"`
}

// Run makes an account.
func (c userCreateCmd) Run(ctx context.Context, p program) error {
	password, policy, err := c.read(p)
	if err != nil {
		return err
	}
	return withUsers(ctx, p, c.Stores, func(s *stores, _ *sqldb.Users) error {
		service, err := s.service(policy)
		if err != nil {
			return err
		}
		role := user.RoleUser
		if c.Admin {
			role = user.RoleAdmin
		}
		u, err := service.Create(ctx, user.SignUp{Username: c.Name, Password: password, Email: c.Email}, role)
		if err != nil {
			return judgedBy(policy, err)
		}
		fmt.Fprintf(p.stdout, "created %s (%s)\n", u.Username, u.Role)
		return s.note(ctx, audit.Event{Kind: audit.Create, User: u.ID, Detail: audit.Detail{To: role}})
	})
}

// password reads the password from standard input. There is no other way: on
// the command line everybody on the machine could read it.
func (p program) password(stdin bool) (string, error) {
	if !stdin {
		return "", usagef("say --password-stdin and give the password on standard input")
	}
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type userListCmd struct {
	config.Stores
	Query string `arg:"" optional:"" help:"Part of a username, name or e-mail address."`
}

// Run lists accounts.
func (c userListCmd) Run(ctx context.Context, p program) error {
	return withUsers(ctx, p, c.Stores, func(_ *stores, users *sqldb.Users) error {
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "USERNAME\tROLE\tSTATUS\tCREATED\tE-MAIL")
		const portion = 500
		for offset := 0; ; offset += portion {
			list, total, err := users.List(ctx, user.Query{Text: c.Query, Offset: offset, Limit: portion})
			if err != nil {
				return err
			}
			for _, u := range list {
				status := "active"
				if u.Disabled() {
					status = "disabled"
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.Username, u.Role, status, u.CreatedAt.Format(time.DateOnly), u.Email)
			}
			if offset+portion >= total {
				return table.Flush()
			}
		}
	})
}

// whyFlag is for commands that do something to somebody.
type whyFlag struct {
	Reason reason `help:"Why, for the audit log." placeholder:"TEXT"`
}

// reason is the value of --reason.
type reason string

// Validate makes kong refuse what the pages would not take either.
func (r reason) Validate() error {
	if n := utf8.RuneCountInString(string(r)); n > audit.MaxNote {
		return fmt.Errorf("it has %d characters, and %d fit", n, audit.MaxNote)
	}
	return nil
}

type userDisableCmd struct {
	config.Stores
	whyFlag
	Name string `arg:"" help:"Username or e-mail address."`
}

// Run shuts an account and ends its sessions.
func (c userDisableCmd) Run(ctx context.Context, p program) error {
	return withUser(ctx, p, c.Stores, c.Name, func(s *stores, users *sqldb.Users, u user.User) error {
		epoch, err := users.Disable(ctx, u.ID, user.Change{At: time.Now()})
		if err != nil {
			return err
		}
		return s.changed(ctx, p, u, epoch, session.Disabled, audit.Event{Kind: audit.Disable, Note: string(c.Reason)}, "disabled "+u.Username)
	})
}

// changed ends the sessions of an account that was changed at epoch, and says so.
func (s *stores) changed(ctx context.Context, p program, u user.User, epoch user.Epoch, reason session.Reason, e audit.Event, text string) error {
	m := s.manager()
	receipt, err := m.EndUserAt(ctx, u.ID, epoch, "", session.Why{Reason: reason})
	e.User, e.Detail.Ended, e.Detail.Partial = u.ID, receipt.Ended, err != nil
	if err != nil {
		err = fmt.Errorf("%s, but its sessions may not have ended, so repeat this: %w", text, err)
		return errors.Join(err, s.note(ctx, e))
	}
	fmt.Fprintf(p.stdout, "%s: %s\n", text, receiptText(m.Confirm(ctx, receipt)))
	return s.note(ctx, e)
}

type userEnableCmd struct {
	config.Stores
	whyFlag
	Name string `arg:"" help:"Username or e-mail address."`
}

// Run opens a shut account.
func (c userEnableCmd) Run(ctx context.Context, p program) error {
	return withUser(ctx, p, c.Stores, c.Name, func(s *stores, users *sqldb.Users, u user.User) error {
		if err := users.Enable(ctx, u.ID, user.Change{At: time.Now()}); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "enabled %s\n", u.Username)
		return s.note(ctx, audit.Event{Kind: audit.Enable, User: u.ID, Note: string(c.Reason)})
	})
}

type userRoleCmd struct {
	config.Stores
	whyFlag
	Name string `arg:"" help:"Username or e-mail address."`
	Role string `arg:"" help:"user or admin."`
}

// Run changes an account's role and ends its sessions.
func (c userRoleCmd) Run(ctx context.Context, p program) error {
	role, ok := user.ParseRole(c.Role)
	if !ok {
		return usagef("%q is no role: say user or admin", c.Role)
	}
	return withUser(ctx, p, c.Stores, c.Name, func(s *stores, users *sqldb.Users, u user.User) error {
		epoch, changed, err := users.SetRole(ctx, u.ID, role, user.Change{At: time.Now()})
		if err != nil {
			return err
		}
		text := u.Username + " is now " + string(role)
		e := audit.Event{Kind: audit.RoleChange, Detail: audit.Detail{From: u.Role, To: role}}
		if !changed {
			text = u.Username + " was already " + string(role)
			e = audit.Event{Kind: audit.SessionsEnded}
		}
		e.Note = string(c.Reason)
		return s.changed(ctx, p, u, epoch, session.Forced, e, text)
	})
}

type userPasswordCmd struct {
	config.Stores
	whyFlag
	newPassword
	Name string `arg:"" help:"Username or e-mail address."`
}

// Run sets an account's password and ends its sessions.
func (c userPasswordCmd) Run(ctx context.Context, p program) error {
	password, policy, err := c.read(p)
	if err != nil {
		return err
	}
	return withUser(ctx, p, c.Stores, c.Name, func(s *stores, _ *sqldb.Users, u user.User) error {
		service, err := s.service(policy)
		if err != nil {
			return err
		}
		epoch, err := service.ResetPassword(ctx, u.ID, password, user.Change{At: time.Now()})
		if err != nil {
			return judgedBy(policy, err)
		}
		return s.changed(ctx, p, u, epoch, session.Password, audit.Event{Kind: audit.PasswordReset, Note: string(c.Reason)}, "changed the password of "+u.Username)
	})
}
