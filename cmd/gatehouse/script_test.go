package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gatehouse/internal/config"
)

// TestScripts runs testdata/script/*.txtar, each in both set-ups. What the
// scripts may say is in the README there.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for setUpName, setUp := range setUps {
		for _, file := range files {
			t.Run(setUpName+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				t.Parallel()
				runScript(t, file, setUpName, setUp.settings(t))
			})
		}
	}
}

// world is what a script has beside its files.
type world struct {
	node    *node              // the server it has started; nil if none
	clients map[string]*client // browsers by name
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func runScript(t *testing.T, file, setUpName string, s settings) {
	testscript.Run(t, testscript.Params{
		Files:               []string{file},
		RequireUniqueNames:  true,
		RequireExplicitExec: false,
		Setup: func(env *testscript.Env) error {
			for name, value := range s {
				env.Setenv(name, value)
			}
			env.Setenv("GORACE", goRace)
			w := &world{clients: map[string]*client{}}
			env.Values[worldKey{}] = w
			env.Defer(func() {
				if w.node != nil {
					w.node.kill()
				}
			})
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "embedded":
				return setUpName == "embedded", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      scriptExits,
			"eventually": scriptEventually,
			"server":     scriptServer,
			"browser":    scriptBrowser,
			"sql":        scriptSQL,
		},
	})
}

// scriptExits: exits CODE COMMAND ARGS… runs a command that has to end with
// that exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptEventually: eventually COMMAND ARGS… runs a command until it succeeds.
func scriptEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: eventually COMMAND [ARGS...]")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("waited %v in vain: %v", patience, err)
		}
	}
}

// scriptServer: server start | stop | kill.
func scriptServer(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) != 1 || (args[0] == "start") != (w.node == nil) {
		ts.Fatalf("usage: server start; then server stop or server kill")
	}
	if args[0] == "start" {
		s := settings{}
		for _, one := range config.Settings() {
			if value := ts.Getenv(one.Env); value != "" {
				s[one.Env] = value
			}
		}
		n, err := s.process()
		ts.Check(err)
		w.node = n
		ts.Setenv("ADDR", n.addr)
		ts.Setenv("SETUP_CODE", n.setupCode())
		return
	}
	n := w.node
	w.node = nil
	if args[0] == "kill" {
		n.kill()
	} else if code := n.stop(); code != exitOK {
		ts.Fatalf("the server ended with code %d\n%s", code, n.stderr)
	}
	fmt.Fprint(ts.Stdout(), n.stdout)
	fmt.Fprint(ts.Stderr(), n.stderr)
}

// scriptBrowser: browser NAME get|post PATH [FIELD=VALUE…] prints status and
// Location, then the page, and sets $NAME_SESSION.
func scriptBrowser(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) < 3 || w.node == nil || args[1] != "get" && args[1] != "post" {
		ts.Fatalf("usage, with a server started: browser NAME get|post PATH [FIELD=VALUE...]")
	}
	c := w.clients[args[0]]
	if c == nil {
		c = newClient(nil)
		w.clients[args[0]] = c
	}
	form := formOf(args[3:])
	if args[1] == "get" {
		form = nil
	}
	a, err := c.insist(w.node, strings.ToUpper(args[1]), args[2], form)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n%s\n", a.status, a.location(), a.body)
	if c.token() != "" {
		ts.Setenv(strings.ToUpper(args[0])+"_SESSION", string(c.sessionID()))
	}
}

// scriptSQL: sql STATEMENT runs a statement in the database of the set-up.
func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sql STATEMENT")
	}
	driver, source := "pgx", ts.Getenv("GATEHOUSE_DATABASE_URL")
	if source == "" {
		driver, source = "sqlite", filepath.Join(ts.Getenv("GATEHOUSE_DATA_DIR"), "gatehouse.db")
	}
	db, err := sql.Open(driver, source)
	ts.Check(err)
	_, err = db.Exec(args[0])
	ts.Check(errors.Join(err, db.Close()))
}
