package interleave

import "errors"

// ErrAgain says of a play that it shows nothing, because a store was too slow
// for it, say.
var ErrAgain = errors.New("interleave: play again")

// verdict tells a play that has to be played again from one that has failed.
func verdict(goOn bool, end error) (_ bool, again, err error) {
	if errors.Is(end, ErrAgain) {
		return goOn, end, nil
	}
	return goOn, nil, end
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
