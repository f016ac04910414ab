//go:build !linux

package hashworker

// lowerPriority does nothing: what it is a process of its own for is that the
// server's processors are the server's; the system shares them out between both.
func lowerPriority() {}
