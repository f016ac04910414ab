// Package limit owns how often something may be tried: the rules, their keys
// and the limiter of the embedded default. It must not know HTTP or Redis.
package limit
