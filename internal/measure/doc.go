// Package measure is what the measurements of this repository (figures, bench,
// capacity, soak) share: the defaults under which they measure, the program with a
// probe in it and how it is started, stock scs with redisstore as its documentation
// shows it, Redis behind the gate, stores filled with sessions, what Redis says of
// itself and the machine of its load, and tables of the results.
//
// Only tests import this package.
package measure
