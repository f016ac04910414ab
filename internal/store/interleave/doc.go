// Package interleave runs programs that act on the same stores at the same time
// in every order that there is, one order after another and always the same
// ones: what a stress test finds now and then, it finds each time or not at all.
//
// An actor stops in front of each of its steps until it is let go, and only one
// is on its way at a time. A step is what a store does as a whole: a command, a
// script, a transaction. Within a step nobody else can come in between, and
// between two steps of an actor all that happens is its own; so orders of steps
// are all the orders that can make a difference.
//
// An operation begins with its first step and is answered with its last. That is
// the latest beginning and the earliest answer that it can have: whoever has to
// hold what begins after an answer has to hold it under this count first.
//
// It must not know what a step does. Only tests import it.
package interleave
