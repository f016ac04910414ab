package limit

import "time"

// The rules. A log-in takes from LoginAddress, and from LoginDevice if the
// browser has logged in to the account before, else from LoginAccount.
//
// There is no bucket of a whole account: anybody could keep it drained and so
// hold the account's owner out. With (account, network) a stranger slows down
// their own network alone. On a shared network (an office, a mobile carrier)
// that would still hit the owner, which is why a browser that has logged in
// before, and can prove it, has a bucket of its own that nobody
// else can drain. What is left to a guesser with many networks is bounded by
// the strength that passwords must have.
var (
	// LoginAddress bounds one client, by [AddressKey].
	LoginAddress = Rule{Name: "login-address", Burst: 20, Every: 10 * time.Second}
	// LoginAccount bounds guessing at one account, by [AccountKey].
	LoginAccount = Rule{Name: "login-account", Burst: 5, Every: 30 * time.Second}
	// LoginDevice bounds a browser known to the account, by [DeviceKey].
	LoginDevice = Rule{Name: "login-device", Burst: 10, Every: 20 * time.Second}
	// SignUpAddress bounds one client, by [AddressKey]. It counts forms sent,
	// not accounts made: each may cost a hash.
	SignUpAddress = Rule{Name: "signup-address", Burst: 10, Every: 2 * time.Minute}
	// PasswordChange bounds guessing at the current password from a session
	// left open, by the user's id.
	PasswordChange = Rule{Name: "password-change", Burst: 5, Every: time.Minute}
	// RefreshSession bounds what the refresh tokens of one session are used for,
	// by its id. They cannot be guessed, so this is no lock but a bound on work,
	// with room for a client that asks hundreds of times at once.
	RefreshSession = Rule{Name: "refresh-session", Burst: 500, Every: 20 * time.Millisecond}
	// RefreshAddress bounds what is no refresh token of ours, by [AddressKey].
	// Tokens of ours take nothing from it.
	RefreshAddress = Rule{Name: "refresh-address", Burst: 500, Every: 20 * time.Millisecond}
	// ClientSecret bounds wrong credentials of other services at introspection
	// and revocation, by [AddressKey]. Right ones take nothing from it.
	ClientSecret = Rule{Name: "client-secret", Burst: 10, Every: 10 * time.Second}
	// AuditBucket bounds how often one bucket's refusals, or one client's tries
	// at accounts that do not exist, are written to the audit log.
	AuditBucket = Rule{Name: "audit-bucket", Burst: 1, Every: time.Minute}
	// AuditFlood bounds all of these together: 17,280 rows a day, some 3 MB.
	AuditFlood = Rule{Name: "audit-flood", Burst: 120, Every: 5 * time.Second}
)
