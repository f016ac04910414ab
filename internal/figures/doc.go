// Package figures measures what the README claims: that a forced log-out holds
// under load, what a request costs in Redis, what a session weighs there, and
// what ending very many does to everybody else, each beside stock scs with
// redisstore where that is a fair comparison. Sessions are in Redis behind the
// gate, as the program opens it.
//
// `make figures` prints them all in a minute or two. The ordinary tests run a short
// round that checks what must never change: the zeros, the round trips and the
// counts. With -figures=million the round also holds the ends to the times that
// are promised for so many sessions.
//
// It is tests only; nothing imports it.
package figures
