package redisdb

import (
	"embed"

	"github.com/gomodule/redigo/redis"
)

// The scripts are the only writers of session keys. Each reads what it decides
// on and writes in one atomic step; list only reads. Their keys are derived from
// ids and from the user inside the record; in a cluster all of them are of one
// shard, which a key that never exists stands for (cluster.go).
//
//go:embed lua/*.lua
var luaFiles embed.FS

// scriptText holds the text of each script, for a server that has not seen it.
var scriptText = map[*redis.Script]string{}

var (
	startScript  = script("start")
	saveScript   = script("save")
	renewScript  = script("renew")
	rotateScript = script("rotate")
	endScript    = script("end")
	olderScript  = script("end_older")
	raiseScript  = script("raise")
	tidyScript   = script("tidy")
	limitScript  = script("limit")

	appliedScript = script("applied")
	replayScript  = script("replay")
	askScript     = script("ask")
	endingScript  = script("ending")

	positionsScript = script("positions")

	// listScript does without what the others share: to define it costs the server
	// as long as a short list.
	listScript = scriptOf("names", "list")
)

// script returns the named script behind the functions they share.
func script(name string) *redis.Script { return scriptOf("names", "common", name) }

func scriptOf(files ...string) *redis.Script {
	text := ""
	for _, name := range files {
		text += source(name)
	}
	s := redis.NewScript(0, text)
	scriptText[s] = text
	return s
}

func source(name string) string {
	b, err := luaFiles.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // the file is embedded; a wrong name fails every test
	}
	return string(b)
}
