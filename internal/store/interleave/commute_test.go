package interleave_test

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/store/interleave"
)

// Three that read and write two numbers, in more orders than can be told apart:
// what can come of it is the same whether all are played or not.
func TestCommutingStepsHideNothing(t *testing.T) {
	explore := func(commute func(a, b interleave.Step) bool) (orders int, outcomes map[string]bool) {
		outcomes = map[string]bool{}
		s := interleave.NewStage(3)
		orders, err := s.Explore(func() interleave.Play {
			var numbers [2]int
			var read [3][]int
			act := func(actor int, program string) func() {
				return func() {
					for _, step := range strings.Fields(program) {
						s.Pause(actor, step)
						n := &numbers[step[1]-'0']
						if step[0] == 'r' {
							read[actor] = append(read[actor], *n)
						} else {
							*n = 3*(*n) + actor + 1
						}
					}
				}
			}
			return interleave.Play{
				Actors:  []func(){act(0, "w0 r1 w1"), act(1, "w1 r0"), act(2, "r1 w0 r0")},
				Commute: commute,
				End: func([]interleave.Step) bool {
					outcomes[fmt.Sprint(numbers, read)] = true
					return true
				},
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return orders, outcomes
	}
	all, want := explore(nil)
	some, got := explore(func(a, b interleave.Step) bool {
		return a.Name[1] != b.Name[1] || a.Name[0] == 'r' && b.Name[0] == 'r'
	})
	if all != 560 || some >= all/2 {
		t.Errorf("%d orders, and %d of them played; want 560 and fewer than half", all, some)
	}
	if len(got) != len(want) {
		t.Errorf("%d outcomes in %d orders, %d in all %d", len(got), some, len(want), all)
	}
	// A claim that is wrong hides something, so that the comparison shows it.
	if _, got := explore(func(interleave.Step, interleave.Step) bool { return true }); len(got) >= len(want) {
		t.Errorf("%d of %d outcomes in one order", len(got), len(want))
	}
}
