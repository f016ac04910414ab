package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatehouse": main})
}

// A fault of ours does not look like success.
func TestAPanicIsNoSuccess(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the panic is gone")
		}
	}()
	code := run(t.Context(), program{}, []string{"version"}) // nowhere to print to
	t.Errorf("exit code %d", code)
}
