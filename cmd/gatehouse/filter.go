package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// filterFlags select sessions; one has to match all that are given. They are
// pointers because a flag with nothing after it, from a variable that a script
// has not set, must not select more than was meant.
type filterFlags struct {
	User    *string `help:"Of this user." placeholder:"NAME"`
	Role    *string `help:"Of users with this role." placeholder:"user|admin"`
	IP      *string `name:"ip" help:"That logged in from this address or network." placeholder:"CIDR"`
	Device  *string `help:"Whose device has this in its name." placeholder:"TEXT"`
	Older   *string `name:"older-than" help:"Signed in longer ago than this." placeholder:"7d"`
	Idle    *string `name:"idle-for" help:"Not seen for longer than this." placeholder:"30m"`
	Carrier *string `help:"Whose token travels this way." placeholder:"cookie|bearer"`
}

// fields returns what is given, by the names that filters go by.
func (c filterFlags) fields() map[string]string {
	given := map[string]string{}
	for field, value := range map[string]*string{
		session.FieldUser: c.User, session.FieldRole: c.Role, session.FieldIP: c.IP, session.FieldDevice: c.Device,
		session.FieldOlder: c.Older, session.FieldIdle: c.Idle, session.FieldCarrier: c.Carrier,
	} {
		if value != nil {
			given[field] = *value
		}
	}
	return given
}

// check finds what makes no sense before anything is opened.
func (c filterFlags) check() error {
	for field, value := range c.fields() {
		if strings.TrimSpace(value) == "" {
			return usagef("%s is empty", flagOf[field])
		}
	}
	_, err := session.ParseFilter(c.fields(), func(string) (user.ID, error) { return "", nil })
	var bad session.BadFilter
	if !errors.As(err, &bad) {
		return err
	}
	var problems []error
	for _, field := range slices.Sorted(maps.Keys(bad)) {
		problems = append(problems, usagef(wrongFlag[field], bad[field]))
	}
	return errors.Join(problems...)
}

// flagOf is how fields are called here, where that is not their name.
var flagOf = map[string]string{
	session.FieldUser: "--user", session.FieldRole: "--role", session.FieldIP: "--ip", session.FieldDevice: "--device",
	session.FieldOlder: "--older-than", session.FieldIdle: "--idle-for", session.FieldCarrier: "--carrier",
}

// wrongFlag says of a value why it cannot be meant.
var wrongFlag = map[string]string{
	session.FieldRole:    "%q is not a role: user or admin",
	session.FieldIP:      "%q is not an address or network, such as 192.0.2.7 or 192.0.2.0/24",
	session.FieldOlder:   "--older-than: %q is not a time, such as 30m, 36h or 7d",
	session.FieldIdle:    "--idle-for: %q is not a time, such as 30m, 36h or 7d",
	session.FieldCarrier: "%q is not a carrier: cookie or bearer",
}

// filter returns what the flags select.
func (c filterFlags) filter(ctx context.Context, s *stores) (session.Filter, error) {
	return session.ParseFilter(c.fields(), func(name string) (user.ID, error) {
		u, err := findUser(ctx, s.db.Users(), name)
		return u.ID, err
	})
}
