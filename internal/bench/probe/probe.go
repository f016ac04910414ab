package probe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

const (
	// SocketEnv names the variable with the path of the socket to listen on.
	SocketEnv = "BENCH_PROBE"
	// FineEnv, if set, makes the profile of allocations finer than Go's
	// default. That costs time: not for a run whose times count.
	FineEnv = "BENCH_PROBE_FINE"
)

func init() {
	if os.Getenv(FineEnv) != "" {
		runtime.MemProfileRate = 8 << 10
	}
	if path := os.Getenv(SocketEnv); path != "" {
		l, err := net.Listen("unix", path)
		if err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
		go serve(l)
	}
}

// serve answers one line per connection:
//
//	allocs            "OBJECTS BYTES", allocated since the program started
//	cpu FILE          begins a CPU profile into FILE
//	cpu               ends it
//	heap FILE         writes the profile of allocations since the start
//	state             a State as JSON
//	plant WHAT        leaks WHAT from now on (plant.go)
func serve(l net.Listener) {
	var profile *os.File
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		line, _ := bufio.NewReader(c).ReadString('\n')
		verb, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		answer := "ok"
		switch {
		case verb == "allocs":
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			answer = fmt.Sprint(m.Mallocs, m.TotalAlloc)
		case verb == "cpu" && file != "":
			if profile, err = os.Create(file); err == nil {
				err = pprof.StartCPUProfile(profile)
			}
		case verb == "cpu" && profile != nil:
			pprof.StopCPUProfile()
			err = profile.Close()
		case verb == "heap":
			var f *os.File
			if f, err = os.Create(file); err == nil {
				if err = pprof.Lookup("allocs").WriteTo(f, 0); err == nil {
					err = f.Close()
				}
			}
		case verb == "state":
			var b []byte
			b, err = json.Marshal(state())
			answer = string(b)
		case verb == "plant":
			err = plant(file)
		default:
			answer = "unknown"
		}
		if err != nil {
			answer = err.Error()
		}
		fmt.Fprintln(c, answer)
		c.Close()
	}
}
