// Package measure is what the measurements of this repository (figures, bench)
// share: the defaults under which they measure, stock scs with redisstore as its
// documentation shows it, stores filled with sessions, what Redis says of
// itself, and tables of the results.
//
// Only tests import this package.
package measure
