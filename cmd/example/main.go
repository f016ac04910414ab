package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gatehouse/cmd/example/guard"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv("EXAMPLE_CLIENT_SECRET"), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. The secret is no argument: everybody on the machine
// could read it there.
func run(ctx context.Context, args []string, secret string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("example", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:9090", "address to listen on")
	issuer := flags.String("issuer", "http://localhost:8080", "public URL of the Gatehouse")
	audience := flags.String("audience", "", "whom tokens have to be for; empty: the issuer")
	id := flags.String("client-id", "", "ask about each token, as this client, with the secret in EXAMPLE_CLIENT_SECRET; empty: check tokens offline")
	keep := flags.Duration("keep", 0, "for how long an answer about a token is kept, when asking")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *audience == "" {
		*audience = *issuer
	}
	var tokens guard.Checker
	var err error
	if *id == "" {
		tokens, err = guard.NewOffline(*issuer, *audience)
	} else {
		tokens, err = guard.NewOnline(*issuer, *audience, *id, secret, *keep)
	}
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "example is listening on %s\n", listener.Addr())
	return serve(ctx, listener, service(tokens, slog.New(slog.NewTextHandler(stderr, nil))))
}

// service is what the example does.
func service(tokens guard.Checker, log *slog.Logger) http.Handler {
	refused := func(r *http.Request, err error) {
		log.InfoContext(r.Context(), "refused", "path", r.URL.Path, "error", err.Error())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /hello", guard.Require(tokens, refused, http.HandlerFunc(hello)))
	return mux
}

func hello(w http.ResponseWriter, r *http.Request) {
	caller, _ := guard.CallerOf(r.Context()) // Require has put it there
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(struct {
		User    string `json:"user"`
		Session string `json:"session"`
		Role    string `json:"role"`
	}{caller.User, caller.Session, caller.Role})
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.Shutdown(stopping)
}
