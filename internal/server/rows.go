package server

import (
	"cmp"
	"slices"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// account returns an account as its owner sees it.
func (t *translator) account(u user.User) Account {
	return Account{
		Username: breakableName(u.Username),
		Name:     u.Name,
		Email:    breakableName(u.Email),
		Admin:    u.IsAdmin(),
		Created:  t.date(u.CreatedAt),
	}
}

// deviceRow returns a session as the lists of devices show it.
func (t *translator) deviceRow(one session.Session, current session.ID, now time.Time) DeviceRow {
	row := DeviceRow{
		ID:       string(one.ID),
		Current:  one.ID == current,
		Remember: one.Remember,
		Bearer:   one.Carrier == session.Bearer,
		Client:   one.Client != "",
		Icon:     iconOf(one),
		Name:     t.device(one),
		IP:       ipElement(one.IP),
		Began:    t.at(one.Began),
		LastSeen: t.ago(one.LastSeen, now),
	}
	if row.Client {
		row.Device = one.Device.String()
	}
	return row
}

// device returns what pages call the session, in words also if nothing is known.
func (t *translator) device(one session.Session) string {
	return cmp.Or(one.Name(), t.T("device_unknown"))
}

// deviceRows returns sessions as rows, the current one first.
func (t *translator) deviceRows(sessions []session.Session, current session.ID, now time.Time) []DeviceRow {
	rows := make([]DeviceRow, 0, len(sessions))
	for _, one := range sessions {
		row := t.deviceRow(one, current, now)
		row.LogOut = t.T("logout_device", "Device", row.Name)
		if row.Current {
			rows = slices.Insert(rows, 0, row)
		} else {
			rows = append(rows, row)
		}
	}
	return rows
}

// sessionRow returns a session as an administrator sees it.
func (t *translator) sessionRow(one session.Session, current session.ID, now time.Time) SessionRow {
	return SessionRow{
		DeviceRow: t.deviceRow(one, current, now),
		Username:  one.Username,
		BeganAgo:  t.ago(one.Began, now),
		Ends:      t.ago(one.Ends(), now),
	}
}

// activityRow returns an event as its account's owner sees it: that an
// administrator did it, but not which one.
func (t *translator) activityRow(e audit.Event, now time.Time) ActivityRow {
	row := ActivityRow{
		What:   t.T("activity_" + string(e.Kind)),
		Device: e.Device,
		IP:     ipElement(e.IP),
		Facts:  t.facts(e),
		When:   t.ago(e.At, now),
	}
	switch e.By() {
	case audit.ByOther:
		row.By = t.T("by_admin")
	case audit.ByOperator:
		row.By = t.T("by_operator")
	}
	if e.Kind == audit.SessionEnded && e.Detail.Replaced {
		row.By = "" // whoever logged in where the owner had been was not an administrator's act
	}
	return row
}
