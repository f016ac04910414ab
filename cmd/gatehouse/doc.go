// Command gatehouse is the log-in server and its operator's tool. Every
// sub-command has a file of its own; serve.go joins the parts of the server.
package main
