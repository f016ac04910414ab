// Command example is another service that accepts the access tokens of a
// Gatehouse: a worked example of package guard, in both ways. It answers
// GET /hello with whose token it was shown.
//
//	example -issuer http://localhost:8080
//	EXAMPLE_CLIENT_SECRET=… example -issuer http://localhost:8080 -client-id reports
//
// The first checks tokens offline, the second asks about each.
package main
