package redisdb_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/user"
)

// patientStore asks again as a person would who is answered 503 because a slot is on
// its way, or because the connections of its new master are still being opened. How
// long that takes is the machine's business. To repeat is harmless (session.Store).
type patientStore struct{ *redisdb.Store }

func patiently(f func() error) error {
	return insist(f, func(err error) bool { return errors.Is(err, session.ErrUnavailable) })
}

// patientlyCounting is for what counts: once something may have been done, the next
// try would find less to count.
func patientlyCounting(f func() error) error {
	return insist(f, func(err error) bool {
		return errors.Is(err, session.ErrUnavailable) && (redisdb.IsMoving(err) || strings.Contains(err.Error(), "dial tcp"))
	})
}

func insist(f func() error, again func(error) bool) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := f(); !again(err) || time.Now().After(deadline) {
			return err
		}
	}
}

func (s patientStore) Start(ctx context.Context, n session.Start) error {
	return patiently(func() error { return s.Store.Start(ctx, n) })
}

func (s patientStore) Find(ctx context.Context, id session.ID) (found session.Session, err error) {
	err = patiently(func() error { found, err = s.Store.Find(ctx, id); return err })
	return found, err
}

func (s patientStore) Save(ctx context.Context, n session.Session, data []byte, now time.Time) error {
	return patiently(func() error { return s.Store.Save(ctx, n, data, now) })
}

func (s patientStore) Touch(ctx context.Context, n session.Session, now time.Time) error {
	return patiently(func() error { return s.Store.Touch(ctx, n, now) })
}

func (s patientStore) Rotate(ctx context.Context, x session.Rotate) (found session.Session, err error) {
	err = patiently(func() error { found, err = s.Store.Rotate(ctx, x); return err })
	return found, err
}

func (s patientStore) Renew(ctx context.Context, old, next session.Session) error {
	return patiently(func() error { return s.Store.Renew(ctx, old, next) })
}

func (s patientStore) End(ctx context.Context, ids []session.ID, why session.Why, now time.Time) (ended int, err error) {
	err = patientlyCounting(func() error {
		n, err := s.Store.End(ctx, ids, why, now)
		ended += n
		return err
	})
	return ended, err
}

func (s patientStore) EndUser(ctx context.Context, u user.ID, epoch user.Epoch, keep session.ID, why session.Why, now time.Time) (ended int, err error) {
	err = patientlyCounting(func() error {
		n, err := s.Store.EndUser(ctx, u, epoch, keep, why, now)
		ended += n
		return err
	})
	return ended, err
}

func (s patientStore) EndAll(ctx context.Context, epoch user.Epoch, why session.Why, now time.Time) (ended int, err error) {
	err = patiently(func() error { ended, err = s.Store.EndAll(ctx, epoch, why, now); return err }) // it counts by the epoch
	return ended, err
}

func (s patientStore) Scan(ctx context.Context, now time.Time, fn func(session.Session) error) (err error) {
	var all []session.Session
	err = patiently(func() error {
		all = nil
		return s.Store.Scan(ctx, now, func(one session.Session) error { all = append(all, one); return nil })
	})
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := fn(one); err != nil {
			return err
		}
	}
	return nil
}

func (s patientStore) ListUser(ctx context.Context, u user.ID, now time.Time) (list []session.Session, err error) {
	err = patiently(func() error { list, err = s.Store.ListUser(ctx, u, now); return err })
	return list, err
}
