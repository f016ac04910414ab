//go:build !linux

package sqldb

import "time"

// nap sleeps.
func nap(d time.Duration) { time.Sleep(d) }
