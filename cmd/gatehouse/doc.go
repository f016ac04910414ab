// Command gatehouse is the log-in server, its operator's tool, and a client of
// servers elsewhere. Every sub-command has a file of its own; serve.go joins the
// parts of the server.
package main
