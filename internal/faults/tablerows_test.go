//go:build faults

package faults

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// The rows that the tests of the table have filled, in their order.
var (
	tableMu   sync.Mutex
	tableRows []string
)

func tableRow(what, cells string) {
	tableMu.Lock()
	defer tableMu.Unlock()
	tableRows = append(tableRows, "| "+what+" | "+cells+" |")
	fmt.Fprintf(os.Stdout, "%s: %s\n", what, cells)
}

// TestMain prints the rows as the README shows them, when all is done.
func TestMain(m *testing.M) {
	code := m.Run()
	if len(tableRows) > 0 {
		fmt.Println("\n| What | Times | Answered ends accepted afterwards | Live sessions lost | Back in service within |\n|---|---|---|---|---|")
		for _, r := range tableRows {
			fmt.Println(r)
		}
	}
	os.Exit(code)
}
