package audit

import (
	"slices"
	"testing"

	"gatehouse/internal/user"
)

func TestEnded(t *testing.T) {
	e := Event{Kind: SessionsEnded, Actor: "root", Note: "stolen"}
	about := func(u user.ID, note string) Event {
		return Event{Kind: SessionsEnded, Actor: "root", User: u, Note: note}
	}
	for _, test := range []struct {
		hit  []user.ID
		want []Event
	}{
		{nil, []Event{about("", "role=user: stolen")}},
		{[]user.ID{"a"}, []Event{about("a", "stolen")}},
		{[]user.ID{"a", "b"}, []Event{about("a", "stolen"), about("b", "stolen"), about("", "role=user: stolen")}},
	} {
		if got := Ended(e, "role=user", test.hit); !slices.Equal(got, test.want) {
			t.Errorf("%v: %+v, want %+v", test.hit, got, test.want)
		}
	}
	e.Note = ""
	if got := Ended(e, "everyone=yes", nil); got[0].Note != "everyone=yes" {
		t.Errorf("without a reason: %q", got[0].Note)
	}
}
