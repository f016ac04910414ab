package user

import "time"

// Service is what a person or an operator can do with accounts. It is safe for
// use by several goroutines.
//
// A [User] that it returns has no PasswordHash: that stays between this
// package and the store.
type Service struct {
	store  Store
	hasher *Hasher
	policy Policy
	now    func() time.Time
}

// NewService returns a Service over store; now is the clock.
func NewService(store Store, hasher *Hasher, policy Policy, now func() time.Time) *Service {
	return &Service{store: store, hasher: hasher, policy: policy, now: now}
}

// time is the clock at the precision that every store keeps.
func (s *Service) time() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

func withoutHash(u User) User {
	u.PasswordHash = ""
	return u
}
