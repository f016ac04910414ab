package server

import (
	"html/template"
	"time"
)

// zoned is how an instant is written when the viewer's zone is unknown, that
// is, until the script runs.
const zoned = "2006-01-02 15:04 -07:00"

const day = 24 * time.Hour

// at shows an instant.
func (t *translator) at(at time.Time) template.HTML {
	if at.IsZero() {
		return template.HTML(template.HTMLEscapeString(t.T("never")))
	}
	return timeElement(at, "absolute", at.UTC().Format(zoned), "")
}

// date shows the day of an instant, with the instant as a title.
func (t *translator) date(at time.Time) template.HTML {
	if at.IsZero() {
		return template.HTML(template.HTMLEscapeString(t.T("never")))
	}
	return timeElement(at, "date", at.UTC().Format(time.DateOnly), at.UTC().Format(zoned))
}

// ago shows how far from now an instant is, with the instant as a title.
func (t *translator) ago(at, now time.Time) template.HTML {
	if at.IsZero() {
		return template.HTML(template.HTMLEscapeString(t.T("never")))
	}
	return timeElement(at, "relative", t.relative(at, now), at.UTC().Format(zoned))
}

// relative returns "3 minutes ago". Units and rounding are the ones of app.js,
// so that the text does not jump when the script takes over.
func (t *translator) relative(at, now time.Time) string {
	d, prefix := now.Sub(at), "ago_"
	if d < 0 {
		d, prefix = -d, "in_"
	}
	switch {
	case d < time.Minute:
		return t.T("just_now")
	case d < time.Hour:
		return t.T(prefix+"minutes", "Count", int(d/time.Minute))
	case d < day:
		return t.T(prefix+"hours", "Count", int(d/time.Hour))
	case d < 365*day:
		return t.T(prefix+"days", "Count", int(d/day))
	}
	return t.T(prefix+"years", "Count", int(d/(365*day)))
}

// duration returns "14 days": the largest unit that says it exactly, and for
// what is not a round number of minutes, rounded up, since people wait for it.
func (t *translator) duration(d time.Duration) string {
	switch {
	case d < 2*time.Minute && d%time.Minute != 0:
		return t.T("duration_seconds", "Count", int((d+time.Second-1)/time.Second))
	case d >= day && d%day == 0:
		return t.T("duration_days", "Count", int(d/day))
	case d >= time.Hour && d%time.Hour == 0:
		return t.T("duration_hours", "Count", int(d/time.Hour))
	}
	return t.T("duration_minutes", "Count", int((d+time.Minute-1)/time.Minute))
}
