package limit

import "testing"

func TestRulesAreSoundAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range []Rule{LoginAddress, LoginAccount, LoginDevice, SignUpAddress, PasswordChange, RefreshSession, RefreshAddress, ClientSecret, AuditBucket, AuditFlood} {
		if r.Name == "" || seen[r.Name] || r.Burst < 1 || r.Every <= 0 {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
}
