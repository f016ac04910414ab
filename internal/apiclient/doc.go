// Package apiclient owns the other end of the JSON API: it logs in at a server,
// keeps the tokens in files that only their owner can read, and refreshes them
// by itself. It is what the commands login, whoami and logout are made of.
//
// # Never losing a log-in
//
// A refresh token is good for one use (RFC 9700 4.14.2), and using an
// older one ends the session. Several processes may hold the same log-in, and
// each may be killed at any moment. Therefore:
//
//   - A token is spent only under the lock of its server, which the system gives
//     back when the process that has it dies, and after reading again what is
//     kept: who waited finds the successor there and spends nothing.
//   - What is kept changes as a whole or not at all: a new file is written,
//     synced and renamed. Room for it is made before the token is spent.
//   - A signal does not interrupt the use of a token. A lost answer is asked for
//     again at once; the server gives the same successor for ten seconds.
//
// One case is left, and no client can close it: a process killed after the server
// has taken the token and before the successor is kept, if no other command runs
// within those ten seconds. Then the session ends, as "reuse".
//
// Tokens go to the server they came from and nowhere else: redirects are not
// followed. No error and no message shows one. The package must not know the
// command line.
package apiclient
