package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"gatehouse/internal/session"
	"gatehouse/internal/user"
)

// version is set when the program is built from a tagged tree.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	p := program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), hashWorker: hashWorkerCommand}
	os.Exit(run(ctx, p, os.Args[1:]))
}

// program is what a command has to do with the world around it.
type program struct {
	stdin   io.Reader
	stdout  io.Writer // what the command was asked for
	stderr  io.Writer // log and errors
	environ []string
	// hashWorker returns a command that runs hashWorkerCmd; nil: the server computes
	// password hashes itself.
	hashWorker func() *exec.Cmd
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it was tried and did not work
	exitUsage   = 2 // what was asked for makes no sense; nothing was tried
)

// commands is the command line.
type commands struct {
	Serve       serveCmd       `cmd:"" help:"Start the server."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database up to this version. (serve does so by itself.)"`
	User        userCmds       `cmd:"" help:"Manage accounts."`
	Session     sessionCmds    `cmd:"" help:"List and end sessions."`
	Key         keyCmds        `cmd:"" help:"Manage the keys that sign access tokens."`
	Client      clientCmds     `cmd:"" help:"Manage the other services that may ask about tokens."`
	Audit       auditCmds      `cmd:"" help:"Read the audit log."`
	Login       loginCmd       `cmd:"" help:"Log in to a server, on this machine or another, as one of its users."`
	Whoami      whoamiCmd      `cmd:"" help:"Say who is logged in."`
	Logout      logoutCmd      `cmd:"" help:"End that session, and forget its tokens."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running server on this machine whether it is well."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	HashWorker  hashWorkerCmd  `cmd:"" hidden:"" help:"Compute password hashes for the server that has started this."`
}

// exited carries an exit code out of kong, which ends the program to show help.
type exited int

// run runs the command that args name and returns its exit code.
func run(ctx context.Context, p program, args []string) (code int) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exited:
			code = int(p)
		default:
			panic(p) // a fault of ours must not look like success
		}
	}()
	var c commands
	parser, err := kong.New(&c,
		kong.Name("gatehouse"),
		kong.Description("Log-in with sessions that end when you end them."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		return p.fail(usageError{err})
	}
	if err := chosen.Run(); err != nil {
		return p.fail(err)
	}
	return exitOK
}

// usageError marks what was wrong before anything was tried.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail says what went wrong, one line per problem, and returns the exit code.
func (p program) fail(err error) int {
	var usage usageError
	var invalid user.Invalid
	bad := errors.As(err, &invalid)
	text := err.Error()
	if bad {
		var judged policyError // the zero value: the default policy
		errors.As(err, &judged)
		text = strings.Join(sentences(invalid, judged.policy), "\n")
	}
	for line := range strings.Lines(text) {
		fmt.Fprintln(p.stderr, "gatehouse:", strings.TrimSuffix(line, "\n"))
	}
	if bad || errors.As(err, &usage) || errors.Is(err, session.ErrID) {
		return exitUsage
	}
	return exitFailure
}
