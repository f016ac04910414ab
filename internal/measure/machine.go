package measure

import (
	"os"
	"strings"
)

// LoadAverage is what else the machine does, as it says itself: the mean of the
// last minute.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
