package interleave

import (
	"fmt"
	"slices"
)

// fork is a place on the way of a play: the steps that could be next, which of
// them lead to orders that are not played elsewhere, and which was taken.
type fork struct {
	open  []Step
	leads []int // indices of open, never none
	taken int   // index of leads
}

// turn returns the next way after path in the order of the tree: the same up to
// the last fork that has another branch left. Empty: there is none.
func turn(path []fork) []fork {
	for len(path) > 0 {
		last := path[len(path)-1]
		path = path[:len(path)-1]
		if last.taken++; last.taken < len(last.leads) {
			return append(slices.Clip(path), last)
		}
	}
	return nil
}

// way is how one play goes: along a path, and from its end on by the first step
// that leads on, which makes the path longer.
type way struct {
	path  []fork
	play  Play
	depth int
	last  Step
	// needless: it has come to a place from where everything is played elsewhere.
	needless bool
	off      error // it has left the path
}

func (w *way) choose(open []Step) int {
	at := w.depth
	w.depth++
	if w.off != nil || w.needless {
		return 0
	}
	if at == len(w.path) {
		leads := w.leads(open)
		if len(leads) == 0 {
			w.needless = true
			return 0
		}
		w.path = append(w.path, fork{open: open, leads: leads})
	} else if !slices.Equal(open, w.path[at].open) {
		w.off = fmt.Errorf("interleave: after %d steps %v could be next, and before it was %v", at, open, w.path[at].open)
		return 0
	}
	f := w.path[at]
	taken := f.leads[f.taken]
	w.last = open[taken]
	return taken
}

// leads returns the steps to try. One that commutes with the step before, of an
// actor with a greater number, has been tried before that: of all orders that
// can be told from each other only by such swaps, the first has no such pair.
func (w *way) leads(open []Step) (leads []int) {
	for i, next := range open {
		if w.depth > 1 && w.play.Commute != nil && next.Actor < w.last.Actor && w.play.Commute(w.last, next) {
			continue
		}
		leads = append(leads, i)
	}
	return leads
}

func (w *way) after(step Step) {
	if w.play.After != nil && !w.needless && w.off == nil {
		w.play.After(step)
	}
}

// strayed returns how the play left the path of which the first steps were
// given; nil if it did not.
func (w *way) strayed(given int) error {
	if w.off == nil && w.depth < given {
		return fmt.Errorf("interleave: over after %d steps, and before it went on with %v", w.depth, w.path[w.depth].open)
	}
	return w.off
}
