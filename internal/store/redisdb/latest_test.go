package redisdb

import "testing"

func TestLatestMaster(t *testing.T) {
	old, next := "10.0.0.1:6379", "10.0.0.2:6379"
	for name, c := range map[string]struct {
		answers []master
		before  string
		want    master
	}{
		"nobody answers":            {nil, old, master{}},
		"the highest epoch":         {[]master{{addr: old, epoch: 3}, {addr: next, epoch: 4}, {addr: old, epoch: 3}}, old, master{addr: next, epoch: 4}},
		"set up anew, from epoch 0": {[]master{{addr: old}, {addr: old}}, next, master{addr: old}},
		"one epoch, most name it, the other answers first": {
			[]master{{addr: old, epoch: 4}, {addr: next, epoch: 4}, {addr: next, epoch: 4}}, old, master{addr: next, epoch: 4}},
		"one epoch, as many name either, the other answers first": {
			[]master{{addr: old, epoch: 4}, {addr: next, epoch: 4}}, next, master{addr: next, epoch: 4}},
		"one epoch, as many name either, the other answers last": {
			[]master{{addr: next, epoch: 4}, {addr: old, epoch: 4}}, next, master{addr: next, epoch: 4}},
		"the flags of who is not believed": {
			[]master{{addr: old, epoch: 3, replacing: true}, {addr: next, epoch: 4}}, old, master{addr: next, epoch: 4}},
		"one sentinel does not reach it": {
			[]master{{addr: old, epoch: 3, down: true}, {addr: old, epoch: 3}}, old, master{addr: old, epoch: 3}},
		"most sentinels do not": {
			[]master{{addr: old, epoch: 3, down: true}, {addr: old, epoch: 3, down: true}}, old, master{addr: old, epoch: 3, replacing: true}},
		"a failover is under way": {
			[]master{{addr: old, epoch: 3}, {addr: old, epoch: 3, replacing: true}}, old, master{addr: old, epoch: 3, replacing: true}},
	} {
		if got := latestOf(c.answers, c.before, 3); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
