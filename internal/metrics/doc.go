// Package metrics owns Prometheus: what is counted and measured, under which names
// and labels, and how it is served. Nobody else imports client_golang. The other
// packages tell it through the small interfaces that they define themselves
// (session.Observer, session.Timer, server.Observer), or are asked when somebody
// looks ([Sources]); with metrics off nobody is told and nobody asks.
//
// Every label has a closed set of values, known when the program starts. What
// comes from outside (a path, a method, a host, a name) is never one: it is looked
// up in that set, or it counts as "other" or as "-". So the number of time series
// is bounded whatever anybody sends.
//
// What a check passes through takes no lock, looks up no label and allocates
// nothing: the series are resolved before, or when they are first needed.
//
// grafana.json is a dashboard of all of it. The package decides nothing, and must
// not know SQL or Redis.
package metrics
