// Package capacity says what so many live sessions need: nodes, Redis servers,
// memory, network and writes to PostgreSQL, and what is full first when they grow
// more. It computes from figures that were measured (figures.json, which says where
// and when), by formulas that stand in model.go, with headroom that is stated.
//
// `make capacity` prints the section of the README, for other rates and machines if
// they are given (internal/capacity/show). `make capacityfigures` measures anew: what
// requests cost with `make bench`, what sessions weigh with `make figures`, and here
// (measure_test.go) what goes over the wire, to replicas and into PostgreSQL. A test
// holds both READMEs to what the command prints from the figures in the repository.
//
// It must not know Redis, SQL or HTTP: it is arithmetic.
package capacity
