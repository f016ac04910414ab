package interleave_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/store/interleave"
)

// taking returns an actor of n steps.
func taking(s *interleave.Stage, actor, n int) func() {
	return func() {
		for i := range n {
			s.Pause(actor, fmt.Sprint(i))
		}
	}
}

// There are as many orders as there are ways to shuffle, each comes once, and
// always in the same sequence.
func TestEveryOrderOnce(t *testing.T) {
	for _, test := range []struct {
		steps []int
		want  int
	}{
		{[]int{3}, 1}, {[]int{0, 2}, 1}, {[]int{1, 1}, 2}, {[]int{2, 3}, 10}, {[]int{5, 4}, 126}, {[]int{2, 2, 2}, 90},
	} {
		explore := func() (orders []string) {
			s := interleave.NewStage(len(test.steps))
			n, err := s.Explore(func() interleave.Play {
				play := interleave.Play{End: func(order []interleave.Step) bool {
					orders = append(orders, fmt.Sprint(order))
					return true
				}}
				for i, n := range test.steps {
					play.Actors = append(play.Actors, taking(s, i, n))
				}
				return play
			})
			if err != nil || n != len(orders) {
				t.Fatalf("%v: %d orders, %d seen, %v", test.steps, n, len(orders), err)
			}
			return orders
		}
		first, second := explore(), explore()
		if !slices.Equal(first, second) {
			t.Errorf("%v: another sequence the second time", test.steps)
		}
		slices.Sort(first)
		if distinct := slices.Compact(first); len(distinct) != test.want || len(second) != test.want {
			t.Errorf("%v: %d orders, %d of them distinct; want %d", test.steps, len(second), len(distinct), test.want)
		}
	}
}

// Two that read a number and write it back greater by one: in every order but
// those in which one is done before the other begins, an addition is lost.
func TestFindsALostUpdate(t *testing.T) {
	s := interleave.NewStage(2)
	lost := 0
	n, err := s.Explore(func() interleave.Play {
		number := 0
		add := func(actor int) func() {
			return func() {
				s.Pause(actor, "read")
				read := number
				s.Pause(actor, "write")
				number = read + 1
			}
		}
		return interleave.Play{
			Actors: []func(){add(0), add(1)},
			End: func(order []interleave.Step) bool {
				if number != 2 {
					lost++
				} else if interleave.Switches(order) != 1 {
					t.Errorf("nothing lost in %v", order)
				}
				return true
			},
		}
	})
	if err != nil || n != 6 || lost != 4 {
		t.Errorf("%d orders, %d with a loss, %v; want 6 and 4", n, lost, err)
	}
}

// What an actor does depends on what it finds: the tree is not the same
// everywhere.
func TestStepsMayDependOnTheOrder(t *testing.T) {
	s := interleave.NewStage(2)
	n, err := s.Explore(func() interleave.Play {
		set := false
		return interleave.Play{
			Actors: []func(){
				func() { s.Pause(0, "set"); set = true },
				func() {
					s.Pause(1, "look")
					if set {
						s.Pause(1, "look why")
					}
				},
			},
			After: func(step interleave.Step) {
				if step.Name == "set" && !set {
					t.Error("after the step it has not been taken")
				}
			},
			End: func(order []interleave.Step) bool {
				if s.Now() != len(order) {
					t.Errorf("now is %d after %v", s.Now(), order)
				}
				return true
			},
		}
	})
	if err != nil || n != 2 {
		t.Errorf("%d orders, %v; want 2", n, err)
	}
}

// A play that shows nothing is played again, in the same order; one that never
// takes the same course twice is an error.
func TestPlayedAgain(t *testing.T) {
	s := interleave.NewStage(2)
	plays, ended := 0, 0
	n, err := s.Explore(func() interleave.Play {
		return interleave.Play{
			Actors: []func(){taking(s, 0, 2), taking(s, 1, 2)},
			Again: func() error {
				if plays++; plays%2 == 1 {
					return errors.New("slow")
				}
				return nil
			},
			End: func([]interleave.Step) bool { ended++; return true },
		}
	})
	if err != nil || n != 6 || plays != 12 || ended != 6 {
		t.Errorf("%d orders in %d plays, %d of them to the end, %v; want 6 in 12", n, plays, ended, err)
	}

	turns := 0
	_, err = s.Explore(func() interleave.Play {
		turns++
		return interleave.Play{
			Actors: []func(){taking(s, 0, 2), func() { s.Pause(1, fmt.Sprint("turn ", turns)) }},
			End:    func([]interleave.Step) bool { return true },
		}
	})
	if err == nil || !strings.Contains(err.Error(), "turn 1") {
		t.Errorf("a play with a will of its own: %v", err)
	}

	n, err = s.Explore(func() interleave.Play {
		return interleave.Play{
			Actors: []func(){taking(s, 0, 2), taking(s, 1, 2)},
			End:    func([]interleave.Step) bool { return false },
		}
	})
	if err != nil || n != 1 {
		t.Errorf("%d orders, %v; want to have seen enough after one", n, err)
	}
}
