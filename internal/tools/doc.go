// Package tools holds no code: its go.mod pins the tools of "make check", apart
// from the product's modules, because staticcheck wants older versions of some
// of them.
package tools
