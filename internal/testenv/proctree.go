package testenv

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// proc is what /proc says about one process.
type proc struct {
	parent int
	zombie bool
	born   string // start time in ticks since boot: tells a reused pid from the old one
}

// processes returns all processes by pid.
func processes() map[int]proc {
	all := map[int]proc{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		// "pid (name) state ppid … starttime …"; the name may hold anything.
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(f) < 20 {
			continue
		}
		parent, _ := strconv.Atoi(f[1])
		all[pid] = proc{parent: parent, zombie: f[0] == "Z" || f[0] == "X", born: f[19]}
	}
	return all
}

// tree returns pid and all its descendants, parents first.
func tree(pid int) []int {
	children := map[int][]int{}
	for p, info := range processes() {
		children[info.parent] = append(children[info.parent], p)
	}
	found := []int{pid}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// stopTree holds pid and its descendants. The parent comes first, so that it
// cannot fork while we look for its children.
func stopTree(pid int) {
	syscall.Kill(pid, syscall.SIGSTOP)
	for _, p := range tree(pid) {
		syscall.Kill(p, syscall.SIGSTOP)
	}
}

// continueTree undoes stopTree.
func continueTree(pid int) {
	for _, p := range tree(pid) {
		syscall.Kill(p, syscall.SIGCONT)
	}
}

// killTree kills pid and its descendants and waits until they are gone or,
// where nobody reaps them, zombies.
func killTree(pid int) {
	syscall.Kill(pid, syscall.SIGSTOP)
	family := tree(pid)
	for _, p := range family {
		syscall.Kill(p, syscall.SIGKILL)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		now, left := processes(), false
		for _, p := range family {
			if info, ok := now[p]; ok && !info.zombie {
				left = true
			}
		}
		if !left {
			return
		}
	}
}

// killMentioning kills every process with path in its arguments.
func killMentioning(path string) {
	for pid := range processes() {
		args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && strings.Contains(string(args), path) && pid != os.Getpid() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
