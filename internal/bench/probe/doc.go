// Package probe lets the bench and the soak look into a server while it runs: how
// much it has allocated so far, what it holds, and profiles of it. A program that imports it listens on
// the Unix socket that BENCH_PROBE names; without that it does nothing.
//
// The product does not import it. measure.Build makes cmd/gatehouse with one more
// file that does (go build -overlay), so that what is measured is otherwise the
// program as it is.
package probe
