package audit

import (
	"slices"
	"testing"

	"gatehouse/internal/user"
)

func TestEnded(t *testing.T) {
	e := Event{Kind: SessionsEnded, Actor: "root", Note: "stolen", Detail: Detail{Ended: 3}}
	about := func(u user.ID, d Detail) Event {
		return Event{Kind: SessionsEnded, Actor: "root", User: u, Note: "stolen", Detail: d}
	}
	whole := about("", Detail{Ended: 3, Target: "role=user"})
	for _, test := range []struct {
		hit  []user.ID
		want []Event
	}{
		{nil, []Event{whole}},
		{[]user.ID{"a"}, []Event{about("a", Detail{Ended: 3})}},
		{[]user.ID{"a", "b"}, []Event{about("a", Detail{}), about("b", Detail{}), whole}},
	} {
		if got := Ended(e, "role=user", test.hit); !slices.Equal(got, test.want) {
			t.Errorf("%v: %+v, want %+v", test.hit, got, test.want)
		}
	}
	e.Kind = KindOfEnd(true, false)
	if got := Ended(e, "everyone=yes", nil); len(got) != 1 || got[0].Detail.Target != "" {
		t.Errorf("everyone: %+v", got)
	}
}
