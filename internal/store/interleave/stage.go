package interleave

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Step is what an actor does as a whole. Its name tells it from the actor's
// other steps, and is the same whenever the same thing has happened before.
type Step struct {
	Actor int
	Name  string
}

// Stage is where a fixed number of actors play.
type Stage struct {
	places  []place
	playing atomic.Bool
	now     int
	taken   []Step
}

// place is where one actor stands.
type place struct {
	before chan string   // the step in front of which the actor has come to stand
	leave  chan struct{} // lets it go
	over   chan struct{} // it has done all
	next   string
	done   bool
}

// NewStage returns a stage for that many actors.
func NewStage(actors int) *Stage {
	s := &Stage{places: make([]place, actors)}
	for i := range s.places {
		s.places[i] = place{before: make(chan string), leave: make(chan struct{}), over: make(chan struct{})}
	}
	return s
}

// Pause makes an actor wait in front of the named step. Nobody waits while
// there is no play.
func (s *Stage) Pause(actor int, step string) {
	if !s.playing.Load() {
		return
	}
	p := &s.places[actor]
	p.before <- step
	<-p.leave
}

// Now returns how many steps have been taken in this play. To an actor on its
// way it is the number of its own step, from 1.
func (s *Stage) Now() int { return s.now }

// patience is how long an actor may take for one step. One that takes longer
// waits for another actor, and no order of steps will help it.
const patience = time.Minute

// await waits until the actor stands in front of a step again, or is done.
func (s *Stage) await(actor int) error {
	p := &s.places[actor]
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case p.next = <-p.before:
	case <-p.over:
		p.done = true
	case <-late.C:
		return fmt.Errorf("interleave: actor %d has not come back from step %d in %v", actor, s.now, patience)
	}
	return nil
}

// play lets the actors play once, in the order that choose decides: it is given
// the steps that could be next and returns the index of the one that is. after
// is called after each while everybody stands still.
func (s *Stage) play(actors []func(), choose func(open []Step) int, after func(Step)) error {
	s.now, s.taken = 0, nil
	s.playing.Store(true)
	defer s.playing.Store(false)
	for i, act := range actors {
		s.places[i].done = false
		go func() {
			act()
			s.places[i].over <- struct{}{}
		}()
		if err := s.await(i); err != nil {
			return err
		}
	}
	for {
		var open []Step
		for i := range actors {
			if p := &s.places[i]; !p.done {
				open = append(open, Step{i, p.next})
			}
		}
		if len(open) == 0 {
			return nil
		}
		step := open[choose(open)]
		s.now++
		s.taken = append(s.taken, step)
		s.places[step.Actor].leave <- struct{}{}
		if err := s.await(step.Actor); err != nil {
			return err
		}
		if after != nil {
			after(step)
		}
	}
}
