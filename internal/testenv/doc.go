// Package testenv starts the real servers that tests need: redis-server, nginx,
// postgres and Chromium, on free ports of 127.0.0.1 and in temporary folders.
//
// Nothing outlives the test binary. A server made for one test ends with that
// test; what the binary shares, and everything else if the binary panics or is
// killed, is removed by a watchdog process that notices the binary's end.
//
// A program that is not installed fails the test and names its Debian package:
// tests never skip. Only tests import this package. It reads /proc, so it
// works on Linux only.
package testenv
