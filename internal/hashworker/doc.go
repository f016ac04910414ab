// Package hashworker computes password hashes in processes of their own, which
// take of the machine only what nobody else wants.
//
// A hash keeps a processor busy for tens of milliseconds and makes 19 MiB of
// garbage. In the server's own process both hit whoever is signed in: Go's
// scheduler lets a goroutine run for 10 ms before it puts another in its place,
// gives it a processor like any other whatever its thread's priority is, and
// collects the garbage of all together. The system's scheduler knows better: a
// process of the lowest priority gives way within microseconds.
//
// The processes are this program again ([Serve] is all they do), started when
// there is something to hash and ended when there has been nothing for a while.
// Each computes one hash at a time; how many there are is bounded by who calls
// ([user.Hasher]). A password reaches one through a pipe that only the two have,
// never as an argument, in the environment or in a file; a worker knows nothing
// else: not the user, not the stored hash, no setting and no key of the server. It
// ends when its pipe does, so that none outlives a server, however that ends.
//
// No log-in fails for want of a worker. Where none can be started, where it dies, or
// where the machine has nothing left for it, the server computes the hash itself.
//
// It must not know accounts, HTTP or settings.
package hashworker
