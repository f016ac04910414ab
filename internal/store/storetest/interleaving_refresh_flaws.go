package storetest

import (
	"context"

	"gatehouse/internal/session"
)

var refreshFlaws = []Flaw{
	{Name: "ARotationDecidedOnWhatWasFound", Refresh: true, In: func(s Sessions) Sessions { s.Store = foundRotate{s.Store}; return s }},
	{Name: "I1_ARetryThatRemembers", Refresh: true, In: func(s Sessions) Sessions {
		s.Store = &rememberingRotate{s.Store, map[[32]byte]session.Session{}}
		return s
	}},
	{Name: "AReuseThatIsOnlyRefused", Refresh: true, In: func(s Sessions) Sessions { s.Store = lenientRotate{s.Store}; return s }},
}

// foundRotate finds, decides, and then writes, whatever has been written since.
type foundRotate struct{ session.Store }

func (s foundRotate) Rotate(ctx context.Context, x session.Rotate) (session.Session, error) {
	found, err := s.Find(ctx, x.ID)
	if err != nil {
		return session.Session{}, err
	}
	next, rotated, err := found.Refresh.Use(x)
	if err != nil || !rotated {
		return found, err
	}
	now, err := s.Find(ctx, x.ID)
	if err != nil {
		return session.Session{}, err
	}
	x.Generation, x.Hash = now.Refresh.Generation, now.Refresh.Hash // as if it were still so
	if _, err := s.Store.Rotate(ctx, x); err != nil {
		return session.Session{}, err
	}
	found.Refresh = next
	return found, nil
}

// rememberingRotate asks the store once for each token.
type rememberingRotate struct {
	session.Store
	seen map[[32]byte]session.Session
}

func (s *rememberingRotate) Rotate(ctx context.Context, x session.Rotate) (session.Session, error) {
	if found, ok := s.seen[x.Hash]; ok {
		return found, nil
	}
	found, err := s.Store.Rotate(ctx, x)
	if err == nil {
		s.seen[x.Hash] = found
	}
	return found, err
}

// lenientRotate refuses a spent token, and leaves the session to who has it.
type lenientRotate struct{ session.Store }

func (s lenientRotate) Rotate(ctx context.Context, x session.Rotate) (session.Session, error) {
	found, err := s.Store.Rotate(ctx, x)
	if err == session.ErrReuse {
		return session.Session{}, &session.EndedError{Reason: session.Reuse}
	}
	return found, err
}
