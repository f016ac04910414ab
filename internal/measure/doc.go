// Package measure is what the measurements of this repository (figures, bench,
// capacity, soak) share: the defaults under which they measure, the program with a
// probe in it, stock scs with redisstore as its documentation shows it, Redis behind
// the gate, stores filled with sessions, what Redis says of itself, and tables of the
// results.
//
// Only tests import this package.
package measure
