package interleave

import (
	"fmt"
	"slices"
)

// Play is one performance: always the same actors, as if nothing had been before.
type Play struct {
	Actors []func()
	// After is called after each step, while all actors stand still; may be nil.
	After func(Step)
	// End is called after the last step with all of them, and says whether
	// another order shall be tried. ErrAgain has this one played once more.
	End func(order []Step) (goOn bool, err error)
}

// tries is how often one order is played until it counts.
const tries = 10

// Explore has the play that set sets up played in every order that the actors'
// steps allow, each from a fresh set. It returns how many orders there were.
//
// An error is that of End, or that a play did not take the same course as the
// one before it as far as their orders agree: then something beside the order
// has a say, and nothing has been shown.
func (s *Stage) Explore(set func() Play) (orders int, err error) {
	var path []fork
	for {
		var order []Step
		goOn, again := true, error(nil)
		next := path
		for range tries {
			play := set()
			var strayed error
			next, strayed, err = s.follow(path, play)
			if err != nil {
				return orders, err
			}
			order = s.taken
			if again = strayed; again != nil {
				continue
			}
			goOn, again, err = verdict(play.End(order))
			if err != nil {
				return orders, err
			}
			if again == nil {
				break
			}
		}
		if again != nil {
			return orders, fmt.Errorf("interleave: played %d times, to no end: %w", tries, again)
		}
		orders++
		path = turn(next)
		if !goOn || len(path) == 0 {
			return orders, nil
		}
	}
}

// fork is a place on the way of a play: the steps that could be taken, and the
// index of the one that was.
type fork struct {
	open  []Step
	taken int
}

// turn returns the next way after path in the order of the tree: the same up to
// the last fork that has another branch left. Empty: there is none.
func turn(path []fork) []fork {
	for len(path) > 0 {
		last := path[len(path)-1]
		path = path[:len(path)-1]
		if last.taken++; last.taken < len(last.open) {
			return append(slices.Clip(path), last)
		}
	}
	return nil
}

// follow plays along path and from its end on takes the first step that is open.
// It returns the whole way. strayed says that the play left the path.
func (s *Stage) follow(path []fork, play Play) (whole []fork, strayed, err error) {
	whole = slices.Clip(path)
	depth := 0
	choose := func(open []Step) int {
		at := depth
		depth++
		switch {
		case strayed != nil:
			return 0
		case at == len(whole):
			whole = append(whole, fork{open: open})
			return 0
		case !slices.Equal(open, whole[at].open):
			strayed = fmt.Errorf("interleave: after %d steps %v could be next, and before it was %v", at, open, whole[at].open)
			return 0
		}
		return whole[at].taken
	}
	err = s.play(play.Actors, choose, play.After)
	if err == nil && strayed == nil && depth < len(path) {
		strayed = fmt.Errorf("interleave: over after %d steps, and before it went on with %v", depth, whole[depth].open)
	}
	return whole, strayed, err
}
