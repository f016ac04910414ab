//go:build faults

package faults

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gatehouse/internal/testenv"
)

// keepLogs copies what the servers of set and the nodes have printed into the
// folder -faults.logs when the test ends. The servers' clock is UTC to the
// millisecond; the nemesis notes its own begin in the same.
func keepLogs(t testing.TB, set *testenv.SentinelSet, nodes func() []*node) {
	if *logsFlag == "" {
		return
	}
	t.Cleanup(func() {
		save := func(name string, text []byte) {
			if err := os.WriteFile(filepath.Join(*logsFlag, name), text, 0o600); err != nil {
				t.Error(err)
			}
		}
		if err := os.MkdirAll(*logsFlag, 0o700); err != nil {
			t.Error(err)
		}
		for kind, all := range map[string][]*testenv.RedisProc{"redis": set.Redis, "sentinel": set.Sentinels} {
			for i, r := range all {
				text, err := os.ReadFile(r.Log())
				if err != nil {
					t.Error(err)
				}
				save(fmt.Sprintf("%s%d-%s.log", kind, i, portOf(r.Addr())), text)
			}
		}
		for i, n := range nodes() {
			save(fmt.Sprintf("node%d.log", i), []byte(n.errors.String()))
		}
	})
}

// siteLog returns where a node without its HTTP prints: into the folder
// -faults.logs, or nowhere.
func siteLog(t testing.TB) io.Writer {
	if *logsFlag == "" {
		return io.Discard
	}
	if err := os.MkdirAll(*logsFlag, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(*logsFlag, "site.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
