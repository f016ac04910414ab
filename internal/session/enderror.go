package session

import "errors"

// What an *EndError can say; each is exactly one of them. Compare with
// errors.Is.
var (
	// ErrUnrecorded: everything has ended, but the ledger does not know all of
	// it yet. A store that can lose what it has answered may lose the end, too.
	ErrUnrecorded = errors.New("session: end done but not recorded")
	// ErrUndone: everything is in the ledger, but the store has not ended all.
	ErrUndone = errors.New("session: end recorded but not done")
	// ErrUnfinished: something is neither in the ledger nor ended.
	ErrUnfinished = errors.New("session: end neither recorded nor done")
)

// EndError is an end that is not final (I2). What could be done has been done,
// and repeating it is harmless.
type EndError struct {
	Receipt    Receipt // what has been done
	Unrecorded error   // why the ledger does not know all of it; nil if it does
	Undone     error   // why the store has not ended all; nil if it has
	// Rest says that more was selected than has been tried.
	Rest bool
	// Kept is how many sessions this node will tell the ledger of as soon as
	// it answers; see Manager.RecordLater.
	Kept int
}

func (e *EndError) kind() error {
	switch {
	case e.Undone == nil:
		return ErrUnrecorded
	case e.Unrecorded == nil && !e.Rest:
		return ErrUndone
	}
	return ErrUnfinished
}

// Is makes errors.Is(err, ErrUnrecorded) and its like work.
func (e *EndError) Is(target error) bool { return target == e.kind() }

// Unwrap returns the causes.
func (e *EndError) Unwrap() []error {
	var causes []error
	for _, cause := range []error{e.Unrecorded, e.Undone} {
		if cause != nil {
			causes = append(causes, cause)
		}
	}
	return causes
}

// Error implements error.
func (e *EndError) Error() string {
	text := e.kind().Error()
	for i, cause := range e.Unwrap() {
		if i == 0 || cause != e.Unrecorded { // a transaction fails for one reason
			text += ": " + cause.Error()
		}
	}
	return text
}

// orNil returns e if anything has failed.
func (e *EndError) orNil() error {
	if e.Unrecorded == nil && e.Undone == nil {
		return nil
	}
	return e
}
