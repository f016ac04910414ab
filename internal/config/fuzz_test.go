package config

import (
	"strings"
	"testing"
)

// FuzzSecretsStaySecret feeds URLs of any shape: no problem line may repeat a
// piece of one, for it may be a piece of the password.
func FuzzSecretsStaySecret(f *testing.F) {
	for _, s := range []string{"redis://:%s@h/0", "postgres://u:%s@h:%s/d", "redis://h/%s", "%s://h", "%s", "redis://h:%s", "//%s?%s#%s", "redis://%%%s", "redis+sentinel://%s@h,%s:%s/%s/%s", "redis+cluster://%s@h,%s:%s/%s"} {
		f.Add(s)
	}
	const secret = "hunter2"
	f.Fuzz(func(t *testing.T, shape string) {
		value := NewSecret(strings.ReplaceAll(shape, "%s", secret))
		_, err := Stores{DatabaseURL: value, RedisURL: value}.Resolve(nil)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q shows: %v", value.Reveal(), err)
		}
	})
}
