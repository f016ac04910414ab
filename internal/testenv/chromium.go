package testenv

import (
	"os/exec"
	"testing"
)

// Chromium returns the path of the browser.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal(missing("chromium", "chromium"))
	return ""
}
