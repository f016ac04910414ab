// Package config turns flags and environment variables into a typed [Config].
//
// [Serve] and [Stores] are what the command line fills in: every value is a
// string, so that Resolve can report all that is wrong at once rather than one
// mistake per start. Their tags are the only place that names a setting, its
// default and its meaning. Secrets print as ***.
//
// It must not know HTTP, the stores, or what the settings are used for.
package config
