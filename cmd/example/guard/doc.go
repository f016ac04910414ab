// Package guard lets another service accept the access tokens of a Gatehouse. It
// knows only the standard library and golang-jwt, so that it can be copied.
//
// There are two ways, and both are a [Checker]:
//
//   - [Offline] verifies the signature by the public keys that Gatehouse
//     publishes (RFC 7517). It asks nothing per request. A session that has ended
//     is accepted until its access token expires: GATEHOUSE_TOKEN_LIFETIME, 60 s
//     by default, and no longer than that plus what the two clocks differ. A key
//     that was revoked counts for a minute more, or as long as Gatehouse cannot
//     be reached.
//   - [Online] asks Gatehouse about each token (RFC 7662). A session that has
//     ended is refused at once, or with a cache after as long as that keeps an
//     answer. It needs credentials: gatehouse client create.
//
// [Require] puts either before an http.Handler. A service that cannot know
// answers 503, never "yes" and never "no".
package guard
