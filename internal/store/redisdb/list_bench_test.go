package redisdb_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"gatehouse/internal/measure"
	"gatehouse/internal/session"
	"gatehouse/internal/store/redisdb"
	"gatehouse/internal/testenv"
	"gatehouse/internal/user"
)

// BenchmarkListUser also tells what a list costs Redis: round trips, CPU and new
// connections.
func BenchmarkListUser(b *testing.B) {
	server := testenv.RedisServer(b) // its own: INFO counts for all databases
	raw, err := redis.DialURL(server.URL())
	must(b, err)
	b.Cleanup(func() { raw.Close() })
	store := redisdb.Open(server.URL(), longest)
	b.Cleanup(func() { store.Close() })
	for _, sessions := range []int{1, 100} {
		u := measure.Somebody()
		_, err := measure.Fill(store, sessions, func(int) user.User { return u })
		must(b, err)
		list := func() {
			if all, err := store.ListUser(context.Background(), u.ID, time.Now()); err != nil || len(all) != sessions {
				b.Errorf("%d sessions, %v", len(all), err)
			}
		}
		list() // the server learns the script
		for _, clients := range []int{1, 32} {
			b.Run(fmt.Sprintf("sessions=%d/clients=%d", sessions, clients), func(b *testing.B) {
				before := readInfo(b, raw)
				b.ReportAllocs()
				b.SetParallelism(clients)
				b.ResetTimer()
				if clients == 1 {
					for b.Loop() {
						list()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							list()
						}
					})
				}
				b.StopTimer()
				after := readInfo(b, raw)
				per := func(unit string, n float64) { b.ReportMetric(n/float64(b.N), unit) }
				per("reads/op", float64(after.Number("total_reads_processed")-before.Number("total_reads_processed")-1))
				per("dials/op", float64(after.Number("total_connections_received")-before.Number("total_connections_received")))
				per("redis-ns/op", 1e9*(cpu(after)-cpu(before)))
			})
		}
	}
}

func readInfo(b *testing.B, c redis.Conn) measure.Info {
	b.Helper()
	info, err := measure.ReadInfo(c)
	must(b, err)
	return info
}

// cpu returns the seconds that the server has worked.
func cpu(info measure.Info) float64 {
	return info.Seconds("used_cpu_user") + info.Seconds("used_cpu_sys")
}

// BenchmarkScan tells what of a list becomes garbage, which makes the collector
// run beside the checks: per session.
func BenchmarkScan(b *testing.B) {
	store := redisdb.Open(testenv.SharedRedis(b), longest)
	b.Cleanup(func() { store.Close() })
	const sessions = 10_000
	users := measure.Users(sessions)
	_, err := measure.Fill(store, sessions, func(i int) user.User { return users[i] })
	must(b, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		n := 0
		must(b, store.Scan(b.Context(), time.Now(), func(session.Session) error { n++; return nil }))
		if n != sessions {
			b.Errorf("%d sessions", n)
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N*sessions), "B/session")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N*sessions), "allocs/session")
}
