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
	// Commute says of two steps of different actors, one just taken and one that
	// could be next, that nobody could tell if they had been taken the other way
	// round; may be nil: all orders make a difference.
	Commute func(taken, next Step) bool
	// Again returns after the last step why the play has shown nothing, because a
	// store was too slow for it, say: the same order is then played once more.
	// May be nil.
	Again func() error
	// End is called after that, with all steps, and says whether another order
	// shall be tried.
	End func(order []Step) (goOn bool)
}

// tries is how often one order is played until it counts.
const tries = 10

// Explore has the play that set sets up played in every order that the actors'
// steps allow, each from a fresh set. It returns how many orders there were.
// Of orders that differ only by steps that commute it plays at least one (the
// one in which the actors come by their numbers where they can).
//
// The error is that an actor did not come back, or that a play did not take the
// same course as the one before it as far as their orders agree: then something
// beside the order has a say, and nothing has been shown.
func (s *Stage) Explore(set func() Play) (orders int, err error) {
	for path, goOn := []fork(nil), true; goOn; {
		w, err := s.along(path, set)
		if err != nil {
			return orders, err
		}
		if !w.needless {
			orders++
			goOn = w.play.End(s.taken)
		}
		path = turn(w.path)
		goOn = goOn && len(path) > 0
	}
	return orders, nil
}

// along plays along path, as often as it takes.
func (s *Stage) along(path []fork, set func() Play) (w *way, err error) {
	for range tries {
		w = &way{path: slices.Clip(path), play: set()}
		if err := s.play(w.play.Actors, w.choose, w.after); err != nil {
			return nil, err
		}
		if err = w.strayed(len(path)); err != nil {
			continue
		}
		if w.play.Again != nil {
			err = w.play.Again()
		}
		if err == nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("interleave: played %d times, to no end: %w", tries, err)
}

// Switches counts how often the order goes from one actor to another: of two
// orders that show the same, the one with fewer is easier to follow.
func Switches(order []Step) (n int) {
	for i := 1; i < len(order); i++ {
		if order[i].Actor != order[i-1].Actor {
			n++
		}
	}
	return n
}
