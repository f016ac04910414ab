// Command show prints the section on capacity of the README, or with -write puts
// it into both. `make capacity` runs it.
package main
